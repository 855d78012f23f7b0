//! The rows that the demo claims, by subject.

use crate::row::Claim;

mod block_on;
mod blocking;
mod cancel;
mod context;
mod end;
mod handle;
mod panic;
mod sleep;

/// Returns the rows, in the order of their numbers.
pub(crate) fn claims() -> Vec<Claim> {
    vec![
        Claim::of::<cancel::DropHandle>(),
        Claim::of::<cancel::TakesEffect>(),
        Claim::of::<cancel::FutureGone>(),
        Claim::of::<cancel::BeforeFirstPoll>(),
        Claim::of::<cancel::DuringFinalPoll>(),
        Claim::of::<panic::Joined>(),
        Claim::of::<panic::Detached>(),
        Claim::of::<panic::InDestructor>(),
        Claim::of::<end::Join>(),
        Claim::of::<context::SleepOutside>(),
        Claim::of::<block_on::Nested>(),
        Claim::of::<block_on::InBlockingJob>(),
        Claim::of::<sleep::Zero>(),
        Claim::of::<sleep::Max>(),
        Claim::of::<blocking::HandlesDropped>(),
        Claim::of::<blocking::CancelQueued>(),
        Claim::of::<end::DropInAsync>(),
        Claim::of::<context::InDestructor>(),
        Claim::of::<handle::Size>(),
        Claim::of::<context::InLibrary>(),
        Claim::of::<handle::PollAfterReady>(),
    ]
}

/// Returns the numbers of the rows, as text.
pub(crate) fn numbers() -> String {
    let numbers: Vec<String> = claims().iter().map(|c| c.number.to_string()).collect();
    numbers.join(", ")
}
