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

#[anyrt::test(seeds = 10)]
async fn seeds_of_what() {}

#[anyrt::test(sim, seeds = 0)]
async fn no_seeds() {}

#[anyrt::test(sim, seed = "7")]
async fn not_a_number() {}

#[anyrt::test(sim, seeds = 10, seed = 7)]
async fn how_many_or_which() {}

#[anyrt::test(sim = 7)]
async fn sim_takes_no_value() {}

#[anyrt::test(sim, twice = 2)]
async fn twice_is_twice() {}

#[anyrt::test(sim, virtual_time)]
async fn twice_virtual() {}

fn main() {}
