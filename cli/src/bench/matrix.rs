//! Delta rates of every curve against every other.

use serde::Serialize;

use super::anchors::Anchor;
use super::bd_rate::{BdRate, Point, bd_rate};
use super::summary::{Curve, Metric};

/// A delta rate, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delta {
    /// What it is measured on.
    pub metric: Metric,
    /// The codec whose rate it is: a `codec` of the curves, or a `key` of the
    /// published ones.
    pub test: String,
    /// Whether that curve was measured here, or published.
    pub test_is: Origin,
    /// The codec compared with.
    pub anchor: String,
    /// Whether that one was measured here.
    pub anchor_is: Origin,
    /// The delta rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<BdRate>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<String>,
}

/// Where a curve comes from: what was measured here and what was read somewhere
/// never pass for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Measured in this bench.
    Measured,
    /// Published elsewhere.
    Published,
}

/// Of all measured curves against each other, of the measured against the published,
/// of the published against the measured, and among the published.
pub fn deltas(curves: &[Curve], published: &[Anchor]) -> Vec<Delta> {
    let mut found = Vec::new();
    for metric in Metric::ALL {
        let measured = curves
            .iter()
            .map(|c| (&c.codec, Origin::Measured, Some(c.rate_points(metric))));
        let read = published
            .iter()
            .map(|a| (&a.key, Origin::Published, published_points(a, metric)));
        // Nobody published this metric: no curve, and nothing to give reasons for.
        let all: Vec<(&String, Origin, Vec<Point>)> = measured
            .chain(read)
            .filter_map(|(key, origin, points)| Some((key, origin, points?)))
            .collect();
        for (i, (test, test_is, points)) in all.iter().enumerate() {
            for (j, (anchor, anchor_is, against)) in all.iter().enumerate() {
                if i == j {
                    continue;
                }
                let result = bd_rate(against, points);
                found.push(Delta {
                    metric,
                    test: (*test).clone(),
                    test_is: *test_is,
                    anchor: (*anchor).clone(),
                    anchor_is: *anchor_is,
                    none: result.err().map(|error| error.to_string()),
                    rate: result.ok(),
                });
            }
        }
    }
    found
}

fn published_points(anchor: &Anchor, metric: Metric) -> Option<Vec<Point>> {
    match metric {
        Metric::Psnr => Some(anchor.psnr_curve()),
        Metric::MsSsim => anchor.ms_ssim_curve(),
        Metric::Ssimulacra2 => None,
    }
}

#[cfg(test)]
pub mod tests {
    use super::super::anchors;
    use super::super::codec::About;
    use super::super::points::tests::point;
    use super::*;

    /// A curve of five points, whose files are `factor` times as long.
    pub fn curve(key: &str, factor: f64) -> Curve {
        let about = About {
            key: key.into(),
            name: key.to_uppercase(),
            version: "1.0".into(),
            convention: "as it is".into(),
            setting: "quality",
        };
        let points = [20.0, 40.0, 60.0, 80.0, 90.0].map(|setting| {
            let bytes = factor * 1000.0 * f64::exp2(setting / 20.0 - 1.0);
            point(key, "a", setting, bytes as u64, 25.0 + setting / 8.0)
        });
        Curve::of(&about, &points)
    }

    #[test]
    fn every_curve_meets_every_other_once() {
        let curves = [curve("x", 1.0), curve("y", 1.5)];
        let found = deltas(&curves, anchors::all());
        let with_ms_ssim = anchors::all().iter().filter(|a| a.ms_ssim_rgb.is_some());
        let counts = [anchors::all().len() + 2, with_ms_ssim.count() + 2, 2];
        let pairs: usize = counts.iter().map(|n| n * (n - 1)).sum();
        assert_eq!(found.len(), pairs);
        let find = |metric, test: &str, anchor: &str| {
            let same = |d: &&Delta| d.metric == metric && d.test == test && d.anchor == anchor;
            found.iter().find(same).unwrap()
        };
        for metric in Metric::ALL {
            let percent = find(metric, "y", "x").rate.unwrap().percent;
            // Lengths are whole bytes of a thousand.
            assert!((percent - 50.0).abs() < 0.1, "{metric:?}: {percent}");
        }
        let bpg = find(Metric::Psnr, "bpg", "vtm");
        assert_eq!(
            (bpg.test_is, bpg.anchor_is),
            (Origin::Published, Origin::Published)
        );
        let percent = bpg.rate.unwrap().percent;
        assert!((percent - 22.0).abs() < 0.5, "{percent}");
        assert_eq!(find(Metric::Psnr, "x", "vtm").test_is, Origin::Measured);
    }

    #[test]
    fn what_has_no_delta_rate_says_why() {
        let mut short = curve("short", 1.0);
        short.points.truncate(3);
        let found = deltas(&[curve("x", 1.0), short], &[]);
        assert!(found.iter().all(|d| d.rate.is_none() != d.none.is_none()));
        let reason = found[0].none.as_deref().unwrap();
        assert!(reason.contains("has 3 points"), "{reason}");
    }
}
