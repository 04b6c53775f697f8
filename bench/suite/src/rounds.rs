//! Measuring two things in turn.

use serde::Serialize;

/// Two rates and their ratio, each the median over the rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pair {
    /// Per second, with Keyward.
    pub(crate) keyward: f64,
    /// Per second, of the peer.
    pub(crate) peer: f64,
    /// Keyward's rate to the peer's of the same round.
    pub(crate) ratio: f64,
    /// The smallest and the largest ratio.
    pub(crate) range: [f64; 2],
}

/// Measures both in turn, in changing order, so that a machine that drifts treats both alike.
pub(crate) fn alternate(
    rounds: usize,
    keyward: impl FnMut() -> f64,
    peer: impl FnMut() -> f64,
) -> Pair {
    alternate_in_slices(rounds, 1, keyward, peer)
}

/// The same, with so many turns in each round. Its rates are their means.
pub(crate) fn alternate_in_slices(
    rounds: usize,
    slices: u32,
    mut keyward: impl FnMut() -> f64,
    mut peer: impl FnMut() -> f64,
) -> Pair {
    let mut is_ours_first = false;
    let mut turn = || {
        is_ours_first = !is_ours_first;
        if is_ours_first {
            let first = keyward();
            (first, peer())
        } else {
            let first = peer();
            (keyward(), first)
        }
    };
    let mut round = || {
        let sum =
            (0..slices).map(|_| turn()).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (sum.0 / f64::from(slices), sum.1 / f64::from(slices))
    };
    let measured: Vec<(f64, f64)> = (0..rounds.max(1)).map(|_| round()).collect();
    let ratios = || measured.iter().map(|(ours, theirs)| ours / theirs);
    Pair {
        keyward: median(measured.iter().map(|pair| pair.0)),
        peer: median(measured.iter().map(|pair| pair.1)),
        ratio: median(ratios()),
        range: [ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)],
    }
}

/// The value in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_own_ratios() {
        let mut ours = [10.0, 20.0, 90.0].into_iter();
        let mut theirs = [10.0, 40.0, 100.0].into_iter();
        let pair = alternate(3, || ours.next().unwrap(), || theirs.next().unwrap());
        assert_eq!((pair.keyward, pair.peer, pair.ratio), (20.0, 40.0, 0.9));
        assert_eq!(pair.range, [0.5, 1.0]);
    }

    #[test]
    fn a_round_in_slices_is_their_mean() {
        let mut ours = [10.0, 30.0, 20.0, 20.0].into_iter();
        let mut theirs = [30.0, 50.0, 10.0, 30.0].into_iter();
        let pair = alternate_in_slices(2, 2, || ours.next().unwrap(), || theirs.next().unwrap());
        assert_eq!((pair.keyward, pair.peer, pair.ratio), (20.0, 40.0, 1.0));
        assert_eq!(pair.range, [0.5, 1.0]);
    }
}
