//! How computations end: errors, panics, stops.

use super::*;

#[test]
fn an_error_goes_to_all_who_wait_and_is_not_kept() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let failing = |play: &mut Play| {
        let cache = cache.clone();
        play.start(async move {
            let compute = || async {
                for _ in 0..9 {
                    tick().await;
                }
                Err("no".to_owned())
            };
            cache.get(1, compute).await
        })
    };
    let tasks = [failing(&mut play), failing(&mut play), failing(&mut play)];
    play.finish();
    let errors = tasks.map(|task| ended(task).unwrap_err().into_error().unwrap());
    assert!(errors.iter().all(|error| Arc::ptr_eq(error, &errors[0])));
    assert!(!cache.contains(&1));
    let anew = ask(&mut play, &cache, 1, 0, &Count::default());
    play.finish();
    assert_eq!(ended(anew).unwrap(), 10);
}

#[test]
fn a_panic_is_an_error_and_is_not_kept() {
    for ticks in 0..2 {
        let mut play = Play::default();
        let cache = numbers(&play);
        let task = play.start({
            let cache = cache.clone();
            async move {
                let compute = move || async move {
                    for _ in 0..ticks {
                        tick().await;
                    }
                    panic!("out of cheese")
                };
                cache.get(1, compute).await
            }
        });
        play.finish();
        let error = ended(task).unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.to_string(), "the computation panicked: out of cheese");
        assert_eq!(cache.info().len, 0);
        let anew = ask(&mut play, &cache, 1, 0, &Count::default());
        play.finish();
        assert!(ended(anew).is_ok());
    }
}

#[test]
fn a_function_that_panics_before_it_gives_a_future_is_a_panic_too() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let task = play.start({
        let cache = cache.clone();
        async move {
            let compute = || -> std::future::Ready<Result<u32, String>> { panic!("at once") };
            cache.get(1, compute).await
        }
    });
    play.finish();
    assert!(ended(task).unwrap_err().is_panic());
}

#[test]
fn the_end_of_the_runtime_is_an_error_for_who_waits() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let rt = crate::task::tests::Hand::default();
    let elsewhere: Numbers = Cache::on(&rt).open();
    let mut waiting = Box::pin(elsewhere.get(1, || async { Ok(1) }));
    assert!(crate::region::tests::poll_once(waiting.as_mut()).is_pending());
    rt.go();
    let lost = crate::region::tests::finish(waiting.as_mut())
        .0
        .unwrap_err();
    assert!(lost.is_lost());
    // And for who comes later.
    let mut later = Box::pin(elsewhere.get(1, || async { Ok(1) }));
    assert!(
        crate::region::tests::finish(later.as_mut())
            .0
            .unwrap_err()
            .is_lost()
    );
    drop((cache, play.finish()));
}

#[test]
fn closing_ends_all_who_wait_at_once_and_waits_for_the_computations() {
    let mut play = Play::default();
    let cache = numbers(&play);
    let log = Log::default();
    let waiting = play.start({
        let (cache, log) = (cache.clone(), log.clone());
        async move {
            let compute = || async move {
                defer(async move {
                    tick().await;
                    say(&log, "cleaned up");
                });
                std::future::pending().await
            };
            cache.get(1, compute).await
        }
    });
    play.turns(2);
    let closing = play.start({
        let (cache, log) = (cache.clone(), log.clone());
        async move {
            cache.close().await;
            say(&log, "closed");
        }
    });
    play.finish();
    assert!(ended(waiting).unwrap_err().is_closed());
    ended(closing);
    assert_eq!(said(&log), ["cleaned up", "closed"]);
    let later = ask(&mut play, &cache, 2, 0, &Count::default());
    play.finish();
    assert!(ended(later).unwrap_err().is_closed());
}

#[test]
fn the_texts_of_errors_say_what_happened() {
    let texts = [
        CacheError::failed("no").to_string(),
        CacheError::<&str>::panicked(None).to_string(),
        CacheError::<&str>::lost().to_string(),
        CacheError::<&str>::closed().to_string(),
        CacheError::<&str>::recursive().to_string(),
    ];
    assert_eq!(texts[0], "no");
    assert!(
        texts[1..].iter().all(|text| text.starts_with("the c")),
        "{texts:?}"
    );
    let debug = format!("{:?}", CacheError::failed("no"));
    assert_eq!(debug, "Failed(\"no\")");
}
