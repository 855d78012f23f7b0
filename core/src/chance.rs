//! Numbers that look like chance, and are the same in each run: the generator known as `SplitMix`.
//!
//! Small enough to need no dependency. Whoever uses it brings a seed.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The next number of the generator in this state; any state will do.
pub(crate) fn next(state: &mut u64) -> u64 {
    let number = mix(*state);
    *state = state.wrapping_add(STEP);
    number
}

/// The first number that a seed gives: near seeds become far ones.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(STEP);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn a_state_gives_the_numbers_that_the_generator_is_known_for() {
        let mut state = 0;
        assert_eq!(next(&mut state), 0xE220_A839_7B1D_CDAF);
        assert_eq!(next(&mut state), 0x6E78_9E6A_A1B9_65F4);
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
    }
}
