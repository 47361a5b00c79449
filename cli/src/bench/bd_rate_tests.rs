use super::super::anchors::{Anchor, find};
use super::*;

fn anchor(key: &str) -> &'static Anchor {
    find(key).unwrap()
}

fn psnr_percent(how: Interpolation, test: &str, against: &str) -> f64 {
    let (test, against) = (anchor(test).psnr_curve(), anchor(against).psnr_curve());
    bd_rate_by(how, &against, &test).unwrap().percent
}

/// Straight lines in ln(rate): a check on the cubics that shares only their
/// integral.
fn linear_pieces(x: &[f64], y: &[f64]) -> Vec<[f64; 4]> {
    let (_, slopes) = intervals(x, y);
    let pieces = y.iter().zip(slopes);
    pieces.map(|(&y, slope)| [y, slope, 0.0, 0.0]).collect()
}

const BOTH: [Interpolation; 2] = [cubic_pieces, linear_pieces];

const CURVE: [Point; 5] = [
    (0.1, 27.0),
    (0.25, 30.0),
    (0.5, 33.0),
    (1.0, 36.5),
    (2.0, 41.0),
];

#[test]
fn a_constant_factor_in_rate_comes_back() {
    for how in BOTH {
        for factor in [0.5, 1.0, 1.3] {
            let scaled = CURVE.map(|(rate, db)| (rate * factor, db));
            let found = bd_rate_by(how, &CURVE, &scaled).unwrap();
            let expected = 100.0 * (factor - 1.0);
            assert!((found.percent - expected).abs() < 1e-9, "{found:?}");
            assert_eq!((found.from, found.to), (27.0, 41.0));
        }
    }
}

#[test]
fn both_interpolations_are_exact_on_an_exponential_curve() {
    // ln(rate) linear in quality: 6 dB a bit against a doubled, shifted one.
    let curve = |offset: f64, range: [f64; 6]| range.map(|db| ((db / 6.0 + offset).exp(), db));
    let a = curve(0.0, [20.0, 23.0, 28.0, 31.0, 36.0, 40.0]);
    let t = curve(0.1, [25.0, 27.0, 28.0, 33.0, 42.0, 44.0]);
    for how in BOTH {
        let found = bd_rate_by(how, &a, &t).unwrap();
        assert_eq!((found.from, found.to), (25.0, 40.0));
        assert!((found.percent - 100.0 * 0.1_f64.exp_m1()).abs() < 1e-9);
    }
}

#[test]
fn pchip_slopes_are_scipys() {
    // scipy.interpolate.PchipInterpolator([0, 1, 3, 4], [0, 1, 2, 4]).derivative():
    // at 1 and 3 the weighted harmonic mean, at the ends the three-point formula.
    let d = knot_slopes(&[1.0, 2.0, 1.0], &[1.0, 0.5, 2.0]);
    let expected = [7.0 / 6.0, 9.0 / (5.0 + 8.0), 9.0 / (8.0 + 2.5), 2.5];
    for (found, expected) in d.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{d:?}");
    }
}

#[test]
fn the_published_curves_give_the_known_figures() {
    // The cubics to the digits that the Python package `bjontegaard` 1.3 (method
    // "pchip") prints for the same points; straight lines come near, no more.
    for (test, against, expected) in [
        ("bpg", "vtm", 21.9872),
        ("jpeg", "vtm", 208.4910),
        ("webp", "vtm", 78.7498),
        ("elic", "vtm", -7.0242),
        ("mlic++", "vtm", -15.0161),
        ("cool-chic", "vtm", -6.6146),
        ("webp", "jpeg", -36.1762),
        ("vtm", "vtm", 0.0),
    ] {
        let cubic = psnr_percent(cubic_pieces, test, against);
        assert!((cubic - expected).abs() < 1e-4, "{test}: {cubic}");
        let linear = psnr_percent(linear_pieces, test, against);
        let ratio = (100.0 + linear) / (100.0 + cubic);
        assert!((0.98..1.02).contains(&ratio), "{test}: {linear}");
    }
}

#[test]
fn order_and_dominated_points_do_not_matter() {
    let plain = bd_rate(&CURVE, &CURVE).unwrap();
    let mut messy = CURVE.to_vec();
    messy.reverse();
    messy.extend([CURVE[2], (0.6, 32.0), (0.5, 32.5), (1.5, 36.5)]);
    let found = bd_rate(&CURVE, &messy).unwrap();
    assert_eq!(found.percent, plain.percent);
    assert_eq!((plain.dominated, found.dominated), (0, 4));
}

#[test]
fn errors_say_what_and_the_limit() {
    let few = bd_rate(&CURVE, &CURVE[..3]).unwrap_err();
    assert_eq!(
        few.to_string(),
        "the curve under test has 3 points that count (0 more are dominated), \
         and a delta rate needs 4"
    );
    let same = [(0.1, 30.0), (0.2, 30.0), (0.3, 29.0), (0.4, 30.0)];
    let few = bd_rate(&same, &CURVE).unwrap_err();
    assert!(
        few.to_string().contains("has 1 points that count (3 more"),
        "{few}"
    );

    let above = CURVE.map(|(rate, db)| (rate, db + 14.0));
    let apart = bd_rate(&CURVE, &above).unwrap_err();
    assert!(matches!(apart, BdRateError::NoOverlap { .. }));
    for point in [
        (0.0, 30.0),
        (-1.0, 30.0),
        (f64::NAN, 30.0),
        (1.0, f64::INFINITY),
    ] {
        let mut curve = CURVE;
        curve[1] = point;
        let bad = bd_rate(&curve, &CURVE).unwrap_err();
        assert!(matches!(
            bad,
            BdRateError::BadPoint {
                side: Side::Anchor,
                ..
            }
        ));
    }
}
