//! Words that `#[anyrt::main]` does not understand.

#[anyrt::main(tokyo)]
async fn unknown() {}

#[anyrt::main(smol, smol)]
async fn twice() {}

#[anyrt::main(tokio, builtin)]
async fn two_backends() {}

#[anyrt::main(tokio = "multi")]
async fn with_a_value() {}

#[anyrt::main(threads = 2, smol)]
async fn threads_of_a_global() {}

#[anyrt::main(tokio_current, threads = 1)]
async fn threads_of_one_thread() {}

#[anyrt::main(threads = 0)]
async fn no_threads() {}

#[anyrt::main(threads)]
async fn threads_without_a_number() {}

#[anyrt::main(threads = "two")]
async fn threads_in_words() {}

#[anyrt::main(shutdown)]
async fn shutdown_without_a_time() {}

#[anyrt::main(shutdown = 10)]
async fn shutdown_without_a_unit() {}

#[anyrt::main(shutdown = "soon")]
async fn shutdown_in_words() {}

#[anyrt::main(shutdown = "1.5s")]
async fn shutdown_in_fractions() {}

#[anyrt::main(shutdown = "18446744073709551615m")]
async fn shutdown_never() {}

fn main() {}
