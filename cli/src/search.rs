//! Which quality comes closest to a target.

use anyhow::Result;
use lic_codec::Quality;

/// Where a search ended.
#[derive(Debug)]
pub struct Found<T> {
    /// The quality that comes closest.
    pub quality: Quality,
    /// What was measured there.
    pub value: f64,
    /// What else came of measuring there.
    pub outcome: T,
    /// Whether the target lies outside of what the qualities reach.
    pub beyond: bool,
}

/// Probes that may guess by interpolation; after them the interval is halved,
/// so that no shape of curve takes longer than these and eight more.
const GUESSES: u32 = 6;

/// A quality, in halves, and what was measured there.
type Point = (u8, f64);

/// Finds the quality at which `measure` comes closest to `target`. The measure
/// should rise with quality; on a scale on which it rises evenly (a logarithm of
/// a rate, decibels) fewer probes are needed.
pub fn search<T>(
    target: f64,
    mut measure: impl FnMut(Quality) -> Result<(f64, T)>,
) -> Result<Found<T>> {
    // The closest measured below the target, and at it or above.
    let (mut low, mut high) = (None, None);
    let mut best: Option<Found<T>> = None;
    let mut probes = 0;
    let mut next = i32::from(Quality::MIN.halves().midpoint(Quality::MAX.halves()));
    loop {
        // `between` stays within the range; the fallback is never taken.
        let number = u8::try_from(next).unwrap_or(Quality::MAX.halves());
        let quality = Quality::from_halves(number).unwrap_or(Quality::MAX);
        let (value, outcome) = measure(quality)?;
        probes += 1;
        let off = (value - target).abs();
        if best.as_ref().is_none_or(|b| off < (b.value - target).abs()) {
            best = Some(Found {
                quality,
                value,
                outcome,
                beyond: false,
            });
        }
        let side = if value < target { &mut low } else { &mut high };
        *side = Some((number, value));
        match (between(low, high, target, probes < GUESSES), best.take()) {
            (None, Some(mut found)) => {
                found.beyond = low.is_none() || high.is_none();
                return Ok(found);
            }
            (Some(probe), kept) => (next, best) = (probe, kept),
            (None, None) => unreachable!("a measure was taken"),
        }
    }
}

/// The next quality to look at, strictly between the two; `None` if there is none.
fn between(low: Option<Point>, high: Option<Point>, target: f64, guess: bool) -> Option<i32> {
    let below = low.map_or(i32::from(Quality::MIN.halves()) - 1, |p| p.0.into());
    let above = high.map_or(i32::from(Quality::MAX.halves()) + 1, |p| p.0.into());
    if above - below < 2 {
        return None;
    }
    let middle = below.midpoint(above);
    let guessed = low.zip(high).filter(|_| guess).map(|((_, l), (_, h))| {
        let part = (target - l) / (h - l);
        f64::from(below) + part * f64::from(above - below)
    });
    // An infinite end (a lossless picture) leaves no part to speak of.
    let probe = guessed.filter(|q| q.is_finite());
    let probe = probe.map_or(middle, |q| q.round() as i32);
    Some(probe.clamp(below + 1, above - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a curve; returns what was found and how often it was looked at.
    fn on(curve: impl Fn(f64) -> f64, target: f64) -> (Found<f32>, u32) {
        let mut probes = 0;
        let found = search(target, |q| {
            probes += 1;
            Ok((curve(f64::from(q.get())), q.get()))
        });
        (found.unwrap(), probes)
    }

    fn nearest(curve: impl Fn(f64) -> f64, target: f64) -> f64 {
        let halves = (2..=200).map(|halves| f64::from(halves) / 2.0);
        let off = halves.map(|q| (curve(q) - target).abs());
        off.fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn finds_the_closest_on_rising_curves() {
        let curves: [fn(f64) -> f64; 5] = [
            |q| 25.0 + 0.17 * q,
            |q| (0.08 * (0.033 * q).exp()).ln(),
            // Far from even: guesses do not help here.
            |q| (0.2 * q).exp(),
            |q| -((101.0 - q) * 0.2).exp(),
            // Steps, as of a model that has few levels.
            |q| (q / 7.0).floor(),
        ];
        for curve in curves {
            let (first, last) = (curve(1.0), curve(100.0));
            for i in 0..=200 {
                let target = first + (last - first) * f64::from(i) / 200.0;
                let (found, probes) = on(curve, target);
                let off = (found.value - target).abs();
                assert!(off <= nearest(curve, target) + 1e-12, "{found:?}");
                assert_eq!(found.quality.get(), found.outcome);
                assert!(probes <= GUESSES + 8, "{probes}");
                assert!(!found.beyond || i == 0, "{found:?}");
            }
        }
    }

    #[test]
    fn an_even_curve_takes_few_probes() {
        let most = (1..100).map(|i| on(|q| 25.0 + 0.17 * q, 25.1 + 0.17 * f64::from(i)).1);
        assert!(most.max().unwrap() <= 8);
    }

    #[test]
    fn says_when_a_target_is_out_of_reach() {
        for (target, nearest) in [(0.7, 1.0), (100.5, 100.0)] {
            let (found, _) = on(|q| q, target);
            assert!(found.beyond);
            assert_eq!(found.quality.get(), nearest);
        }
        // Lossless at the top.
        let (found, _) = on(|q| if q > 88.0 { f64::INFINITY } else { q }, 88.2);
        assert_eq!((found.quality.get(), found.beyond), (88.0, false));
    }

    #[test]
    fn stops_at_the_first_failure() {
        let failed = search(1.0, |_| -> Result<(f64, ())> { anyhow::bail!("no") });
        assert_eq!(failed.unwrap_err().to_string(), "no");
    }
}
