//! The backends that are switched on by features, one module each.

/// The built-in runtime (feature `builtin`, on by default).
#[cfg(feature = "builtin")]
pub mod builtin {
    pub use anyrt_builtin::*;
}

/// Tokio (feature `tokio`).
#[cfg(feature = "tokio")]
pub mod tokio {
    pub use anyrt_tokio::*;
}

/// smol's global executor (feature `smol`).
#[cfg(feature = "smol")]
pub mod smol {
    pub use anyrt_smol::*;
}

/// Legacy: async-std (feature `async-std`).
///
/// async-std is discontinued upstream (RUSTSEC-2025-0052).
#[cfg(feature = "async-std")]
pub mod async_std {
    pub use anyrt_async_std::*;
}
