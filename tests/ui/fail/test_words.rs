//! Words that `#[anyrt::test]` does not understand.

#[anyrt::test(threads = 2)]
async fn unknown() {}

#[anyrt::test(allow_lost_panics, allow_leftover_tasks, allow_lost_panics)]
async fn twice() {}

#[anyrt::test(allow_lost_panics = true)]
async fn with_a_value() {}

#[anyrt::test(crate)]
async fn without_a_value() {}

#[anyrt::test(crate = anyrt)]
async fn not_in_quotes() {}

#[anyrt::test(crate = "super::anyrt")]
async fn not_absolute() {}

#[anyrt::test(allow_lost_panics allow_leftover_tasks)]
async fn no_comma() {}

fn main() {}
