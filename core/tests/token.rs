//! What goes to the hook when a token's wakers and callbacks panic. Alone here: the hook is the process's.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use anyrt_core::{CancelToken, Phase, set_failure_hook};

struct PanicsWhenWoken;

impl Wake for PanicsWhenWoken {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl Wake for PanicsOnDrop {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn each_panic_goes_to_the_hook_with_its_place_and_no_further() {
    let told = Arc::new(Mutex::new(Vec::new()));
    set_failure_hook({
        let told = Arc::clone(&told);
        move |failure| {
            assert!(failure.name().is_none());
            let line = failure.location().line();
            told.lock()
                .unwrap()
                .push((failure.phase(), line, failure.to_string()));
            panic!("the hook panics too, to no effect");
        }
    });
    let take = || std::mem::take(&mut *told.lock().unwrap());
    let wait = |token: &CancelToken, waker: Arc<dyn WakeAll>| {
        let mut waiting = Box::pin(token.cancelled_owned());
        assert!(
            pin!(&mut waiting)
                .poll(&mut Context::from_waker(&waker.waker()))
                .is_pending()
        );
        waiting
    };

    let token = CancelToken::new();
    let token_line = line!() - 1;
    let callback = token.on_cancel(|_| panic!("called"));
    let callback_line = line!() - 1;
    let waiting = wait(&token.child(), Arc::new(PanicsWhenWoken));
    token.on_cancel(|_| panic!("called too")).detach();
    assert!(token.cancel("r"));
    drop((callback, waiting));
    let [waker, first, second] = take().try_into().expect("three failures");
    assert_eq!(waker.0, Phase::Waker);
    assert!(
        waker.2.starts_with("waker panicked (token made at "),
        "{}",
        waker.2
    );
    assert_eq!((first.0, first.1), (Phase::Callback, callback_line));
    assert!(
        first
            .2
            .starts_with("callback panicked (callback registered at "),
        "{}",
        first.2
    );
    assert!(first.2.ends_with(": called"), "{}", first.2);
    assert!(second.2.ends_with(": called too"), "{}", second.2);

    token.on_cancel(|_| panic!("at once")).detach();
    let [at_once] = take().try_into().expect("one failure");
    assert_eq!(at_once.0, Phase::Callback);
    assert!(token_line < callback_line);

    // Dropped uncalled: by its handle, and by the token.
    let token = CancelToken::new();
    for detached in [false, true] {
        let bomb = PanicsOnDrop;
        let callback = token.on_cancel(move |_| drop(bomb));
        if detached {
            callback.detach();
        }
    }
    drop(wait(&token, Arc::new(PanicsOnDrop)));
    drop(token);
    let phases: Vec<_> = take().into_iter().map(|(phase, ..)| phase).collect();
    assert_eq!(phases, [Phase::Destructor, Phase::Waker, Phase::Destructor]);
}

/// A waker of any of the kinds above; the caller keeps none.
trait WakeAll {
    fn waker(self: Arc<Self>) -> Waker;
}

impl<W: Wake + Send + Sync + 'static> WakeAll for W {
    fn waker(self: Arc<Self>) -> Waker {
        Waker::from(self)
    }
}
