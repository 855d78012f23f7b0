//! Builds core's sources as a model.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=loom");
    println!(
        "cargo::rustc-check-cfg=cfg(feature, values(\"cache\", \"input\", \"sim\", \"tracing\"))"
    );
}
