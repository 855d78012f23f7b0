//! Tuples as arms, of up to eight futures.

use std::future::Future;
use std::panic::Location;

use super::arm::Arm;
use super::arms::{Cons, Nil};
use super::gather::resume_first;
use super::race::winner;
use super::race_ok::{Won, first_ok};
use super::sealed::Container;
use super::try_gather::{errors, group};
use super::{Ended, Gather, GatherAll, Race, RaceOk, TryGather};
use crate::scope::ErrorGroup;
use crate::task::JoinError;

/// How a tuple is stored, and how its ends come out: pairs in pairs.
macro_rules! nested {
    (type) => { Nil };
    (type $F:ident $($rest:ident)*) => { Cons<$F, nested!(type $($rest)*)> };
    (store $how:ident $at:ident) => { Nil };
    (store $how:ident $at:ident $f:ident $($rest:ident)*) => {
        Cons { arm: Arm::$how($f, $at), rest: nested!(store $how $at $($rest)*) }
    };
    (ends) => { () };
    (ends $f:ident $($rest:ident)*) => { ($f, nested!(ends $($rest)*)) };
    (mut) => { () };
    (mut $f:ident $($rest:ident)*) => { (mut $f, nested!(mut $($rest)*)) };
}

macro_rules! tuple {
    ($($F:ident $T:ident $f:ident),+) => {
        impl<$($F: Future),+> Gather for ($($F,)+) {
            type Output = ($($F::Output,)+);

            fn arms(self, at: &'static Location<'static>) -> Self::Arms {
                let ($($f,)+) = self;
                nested!(store plain at $($f)+)
            }

            fn output(over: Ended<'_, Self::Arms>) -> Self::Output {
                let nested!(mut $($f)+) = over.ends;
                resume_first(over.ruling, [$($f.take_panic()),+]);
                ($($f.value(),)+)
            }
        }

        impl<$($F: Future),+> GatherAll for ($($F,)+) {
            type Output = ($(Result<$F::Output, JoinError>,)+);

            fn arms(self, at: &'static Location<'static>) -> Self::Arms {
                let ($($f,)+) = self;
                nested!(store plain at $($f)+)
            }

            fn output(over: Ended<'_, Self::Arms>) -> Self::Output {
                let nested!(ends $($f)+) = over.ends;
                ($($f.outcome(),)+)
            }
        }

        impl<Fault, $($F, $T),+> TryGather for ($($F,)+)
        where
            $($F: Future<Output = Result<$T, Fault>>,)+
        {
            type Output = Result<($($T,)+), ErrorGroup<Fault>>;

            fn arms(self, at: &'static Location<'static>) -> Self::Arms {
                let ($($f,)+) = self;
                nested!(store fallible at $($f)+)
            }

            fn output(over: Ended<'_, Self::Arms>) -> Self::Output {
                let nested!(mut $($f)+) = over.ends;
                group(errors(over.ruling, [$($f.take_failure()),+], over.at))?;
                Ok(($($f.ok(),)+))
            }
        }

        impl<Value, $($F: Future<Output = Value>),+> Race for ($($F,)+) {
            type Output = Value;

            fn arms(self, at: &'static Location<'static>) -> Self::Arms {
                let ($($f,)+) = self;
                nested!(store plain at $($f)+)
            }

            fn output(over: Ended<'_, Self::Arms>) -> Value {
                let nested!(ends $($f)+) = over.ends;
                let won = winner(over.ruling, [$($f),+]);
                won.expect("a race of some arms has a winner")
            }
        }

        impl<Value, Fault, $($F),+> RaceOk for ($($F,)+)
        where
            $($F: Future<Output = Result<Value, Fault>>,)+
        {
            type Output = Won<Value, Fault>;

            fn arms(self, at: &'static Location<'static>) -> Self::Arms {
                let ($($f,)+) = self;
                nested!(store fallible at $($f)+)
            }

            fn output(over: Ended<'_, Self::Arms>) -> Self::Output {
                let nested!(ends $($f)+) = over.ends;
                first_ok(over.ruling, [$($f),+], over.at)
            }
        }

        impl<$($F: Future),+> Container for ($($F,)+) {
            type Arms = nested!(type $($F)+);
        }
    };
}

tuple!(A TA a);
tuple!(A TA a, B TB b);
tuple!(A TA a, B TB b, C TC c);
tuple!(A TA a, B TB b, C TC c, D TD d);
tuple!(A TA a, B TB b, C TC c, D TD d, E TE e);
tuple!(A TA a, B TB b, C TC c, D TD d, E TE e, F TF f);
tuple!(A TA a, B TB b, C TC c, D TD d, E TE e, F TF f, G TG g);
tuple!(A TA a, B TB b, C TC c, D TD d, E TE e, F TF f, G TG g, H TH h);

/// Nothing to wait for.
impl Gather for () {
    type Output = ();

    fn arms(self, _: &'static Location<'static>) -> Nil {
        Nil
    }

    fn output(_: Ended<'_, Nil>) {}
}
