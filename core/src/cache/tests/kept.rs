//! What is kept, how long, and what goes first.

use std::time::Duration;

use super::*;

/// Asks for keys one after the other; says which were computed.
fn computed(play: &mut Play, cache: &Numbers, keys: &[u32]) -> Vec<u32> {
    let mut computed = Vec::new();
    for key in keys {
        let begun = Count::default();
        let task = ask(play, cache, *key, 0, &begun);
        play.finish();
        assert_eq!(ended(task).unwrap(), key * 10);
        if begun.get() > 0 {
            computed.push(*key);
        }
    }
    computed
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut play = Play::default();
    let cache: Numbers = Cache::on(&play.rt).capacity(3).open();
    assert_eq!(computed(&mut play, &cache, &[1, 2, 3]), [1, 2, 3]);
    // 1 is used, so 2 goes when 4 comes.
    assert_eq!(computed(&mut play, &cache, &[1, 4]), [4]);
    assert!(!cache.contains(&2));
    assert_eq!(computed(&mut play, &cache, &[1, 3, 4, 2]), [2]);
    assert!(!cache.contains(&1));
    assert_eq!(cache.info().len, 3);
}

#[test]
fn looking_is_no_use() {
    let mut play = Play::default();
    let cache: Numbers = Cache::on(&play.rt).capacity(2).open();
    computed(&mut play, &cache, &[1, 2]);
    let before = cache.info();
    assert_eq!(cache.peek(&1), Some(10));
    assert!(cache.contains(&1));
    assert_eq!(cache.peek(&9), None);
    assert_eq!(cache.info(), before);
    computed(&mut play, &cache, &[3]);
    assert!(!cache.contains(&1));
}

#[test]
fn random_uses_keep_what_a_plain_list_keeps() {
    let mut seed = 7;
    for capacity in [1, 2, 5, 16] {
        let mut play = Play::default();
        let cache: Numbers = Cache::on(&play.rt).capacity(capacity).open();
        let mut model: Vec<u32> = Vec::new();
        for _ in 0..400 {
            let key = (crate::chance::next(&mut seed) % 24) as u32;
            if crate::chance::next(&mut seed) % 8 == 0 {
                assert_eq!(cache.invalidate(&key), model.contains(&key));
                model.retain(|other| *other != key);
                continue;
            }
            let missed = !computed(&mut play, &cache, &[key]).is_empty();
            assert_eq!(missed, !model.contains(&key), "{key} in {model:?}");
            model.retain(|other| *other != key);
            model.insert(0, key);
            model.truncate(capacity);
            assert_eq!(cache.info().len, model.len());
        }
    }
}

#[test]
fn room_for_none_shares_computations_and_room_for_all_keeps_all() {
    let mut play = Play::default();
    let none: Numbers = Cache::on(&play.rt).capacity(0).open();
    let begun = Count::default();
    let tasks = [(); 3].map(|()| ask(&mut play, &none, 1, 2, &begun));
    play.finish();
    for task in tasks {
        assert_eq!(ended(task).unwrap(), 10);
    }
    assert_eq!((begun.get(), none.info().len), (1, 0));
    let all: Numbers = Cache::on(&play.rt).unbounded().open();
    let keys: Vec<u32> = (0..1_000).collect();
    assert_eq!(computed(&mut play, &all, &keys), keys);
    assert_eq!((all.info().len, all.info().capacity), (1_000, None));
}

#[test]
fn a_value_expires_so_long_after_its_completion() {
    let mut play = Play::default();
    let cache: Numbers = Cache::on(&play.rt)
        .expire_after(Duration::from_secs(10))
        .open();
    let begun = Count::default();
    let task = ask(&mut play, &cache, 1, 3, &begun);
    // It takes 8 seconds.
    play.turn();
    play.rt.advance(Duration::from_secs(8));
    play.finish();
    ended(task).unwrap();
    play.rt.advance(Duration::from_nanos(9_999_999_999));
    assert!(cache.contains(&1));
    assert_eq!(computed(&mut play, &cache, &[1]), []);
    // To have used it makes it no younger.
    play.rt.advance(Duration::from_nanos(1));
    assert!(!cache.contains(&1));
    assert_eq!(cache.peek(&1), None);
    assert_eq!(computed(&mut play, &cache, &[1, 1]), [1]);
    assert_eq!(cache.info().len, 1);
}

#[test]
fn an_expiry_of_zero_keeps_nothing_and_the_longest_for_ever() {
    let mut play = Play::default();
    let zero: Numbers = Cache::on(&play.rt).expire_after(Duration::ZERO).open();
    assert_eq!(computed(&mut play, &zero, &[1, 1, 1]), [1, 1, 1]);
    let max: Numbers = Cache::on(&play.rt).expire_after(Duration::MAX).open();
    computed(&mut play, &max, &[1]);
    play.rt.advance(Duration::from_secs(60 * 60 * 24 * 365));
    assert_eq!(computed(&mut play, &max, &[1]), []);
}

#[test]
fn what_is_removed_while_it_is_computed_is_given_and_not_kept() {
    for all in [false, true] {
        let mut play = Play::default();
        let cache = numbers(&play);
        let begun = Count::default();
        let task = ask(&mut play, &cache, 1, 2, &begun);
        if all {
            cache.clear();
        } else {
            assert!(cache.invalidate(&1));
        }
        let second = ask(&mut play, &cache, 1, 5, &begun);
        play.turns(4);
        assert_eq!(ended(task).unwrap(), 10);
        assert!(!cache.contains(&1));
        play.finish();
        assert_eq!(ended(second).unwrap(), 10);
        assert!(cache.contains(&1));
        assert_eq!(begun.get(), 2);
        cache.clear();
        let info = cache.info();
        assert_eq!((info.hits, info.misses, info.joins, info.len), (0, 0, 0, 0));
    }
}

#[test]
fn a_function_is_called_once_for_each_argument() {
    let mut play = Play::default();
    let begun = Count::default();
    let function = {
        let begun = begun.clone();
        move |(a, b): (u32, u32)| {
            let begun = begun.clone();
            async move {
                begun.add();
                Ok::<_, String>(a + b)
            }
        }
    };
    let sum = Cache::on(&play.rt).capacity(8).cached(function);
    let task = play.start({
        let sum = sum.clone();
        async move {
            (
                sum.call((1, 2)).await.unwrap(),
                sum.call((1, 2)).await.unwrap(),
            )
        }
    });
    play.finish();
    assert_eq!(ended(task), (3, 3));
    assert_eq!(begun.get(), 1);
    assert_eq!(sum.cache().info().hits, 1);
}

#[test]
fn many_keys_that_come_and_go_leave_nothing() {
    let mut play = Play::default();
    let cache: Numbers = Cache::on(&play.rt).capacity(4).open();
    let value = Arc::new(());
    let counted: Cache<u32, Arc<()>, String> = Cache::on(&play.rt).capacity(4).open();
    for key in 0..1_000 {
        let (counted, value) = (counted.clone(), value.clone());
        let task = play.start(async move {
            drop(
                counted
                    .get(key, move || async move { Ok(value) })
                    .await
                    .unwrap(),
            );
        });
        play.finish();
        ended(task);
    }
    assert_eq!(Arc::strong_count(&value), 5);
    drop(cache);
}
