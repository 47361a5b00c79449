//! Bjøntegaard delta rate: how much more rate a codec takes than another, in
//! per cent, at the same quality, averaged over the qualities that both reach.
//!
//! G. Bjøntegaard, *Calculation of average PSNR differences between RD-curves*,
//! ITU-T VCEG-M33 (2001): each curve is log(rate) as a function of quality, and
//! the difference of their means over the common range of qualities is turned
//! back into a ratio. M33 fits one cubic to four points. With more points that
//! overshoots, so JCT-VC and JVET went over to piecewise cubic Hermite
//! interpolation (PCHIP; common test conditions JCTVC-L1100, JVET-T2010), which
//! passes through every point and stays monotone between them. This is that
//! variant, integrated exactly.
//!
//! Slopes: Fritsch and Butland, *A method for constructing local monotone
//! piecewise cubic interpolants*, SIAM J. Sci. Stat. Comput. 5 (1984), with the
//! three-point end slopes of SLATEC's PCHIM, as MATLAB and SciPy have them.

use std::error::Error;
use std::fmt;

use serde::Serialize;

/// Points that a curve needs, as in VCEG-M33.
pub const MIN_POINTS: usize = 4;

/// A measured point: bits per pixel, and quality: PSNR or MS-SSIM in dB, or
/// SSIMULACRA2.
pub type Point = (f64, f64);

/// A delta rate and the range of qualities that it holds for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BdRate {
    /// Per cent more rate than the anchor; negative is a saving.
    pub percent: f64,
    /// Lower end of the common range of qualities.
    pub from: f64,
    /// Upper end of the common range of qualities.
    pub to: f64,
    /// Points of either curve left out, because another point of the same curve
    /// has no more rate and no less quality.
    pub dominated: usize,
}

/// Which of the two curves is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The curve compared with.
    Anchor,
    /// The curve under test.
    Test,
}

/// Why two curves have no delta rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BdRateError {
    /// A rate is not above 0, or a number is not finite. A lossless point has
    /// infinite quality: leave it out.
    BadPoint {
        /// Whose point.
        side: Side,
        /// The point.
        point: Point,
    },
    /// Too few points are left without the dominated ones; the limit is
    /// [`MIN_POINTS`].
    TooFewPoints {
        /// Whose points.
        side: Side,
        /// Points left.
        left: usize,
        /// Points left out as dominated.
        dominated: usize,
    },
    /// No quality is reached by both curves.
    NoOverlap {
        /// Lowest and highest quality of the anchor.
        anchor: (f64, f64),
        /// Lowest and highest quality of the curve under test.
        test: (f64, f64),
    },
}

/// Delta rate of `test` against `anchor`.
///
/// The points may come in any order. A curve is the set of its points that no
/// other point of it dominates, so a setting that costs more for less, or the
/// same point twice, does not bend it; [`BdRate::dominated`] says how many were
/// left out.
///
/// # Errors
/// If a point is not a number that can be used, a curve has fewer than
/// [`MIN_POINTS`] points, or the curves have no quality in common.
pub fn bd_rate(anchor: &[Point], test: &[Point]) -> Result<BdRate, BdRateError> {
    bd_rate_by(cubic_pieces, anchor, test)
}

/// From knots and values, per interval the coefficients of the powers of
/// (quality − its lower knot).
type Interpolation = fn(&[f64], &[f64]) -> Vec<[f64; 4]>;

fn bd_rate_by(how: Interpolation, anchor: &[Point], test: &[Point]) -> Result<BdRate, BdRateError> {
    let a = Curve::new(how, Side::Anchor, anchor)?;
    let t = Curve::new(how, Side::Test, test)?;
    let (anchor, test) = (a.range(), t.range());
    let from = anchor.0.max(test.0);
    let to = anchor.1.min(test.1);
    if from >= to {
        return Err(BdRateError::NoOverlap { anchor, test });
    }
    let area = t.integral(from, to) - a.integral(from, to);
    Ok(BdRate {
        percent: 100.0 * (area / (to - from)).exp_m1(),
        from,
        to,
        dominated: a.dominated + t.dominated,
    })
}

/// ln(rate) as a piecewise polynomial of quality.
struct Curve {
    /// Qualities, strictly rising.
    knots: Vec<f64>,
    /// One per interval: see [`Interpolation`].
    pieces: Vec<[f64; 4]>,
    dominated: usize,
}

impl Curve {
    fn new(how: Interpolation, side: Side, points: &[Point]) -> Result<Self, BdRateError> {
        let usable = |&(rate, db): &Point| rate > 0.0 && rate.is_finite() && db.is_finite();
        if let Some(&point) = points.iter().find(|p| !usable(p)) {
            return Err(BdRateError::BadPoint { side, point });
        }
        let front = undominated(points);
        let dominated = points.len() - front.len();
        if front.len() < MIN_POINTS {
            return Err(BdRateError::TooFewPoints {
                side,
                left: front.len(),
                dominated,
            });
        }
        let knots: Vec<f64> = front.iter().map(|p| p.1).collect();
        let logs: Vec<f64> = front.iter().map(|p| p.0.ln()).collect();
        let pieces = how(&knots, &logs);
        Ok(Self {
            knots,
            pieces,
            dominated,
        })
    }

    fn range(&self) -> (f64, f64) {
        (self.knots[0], self.knots[self.knots.len() - 1])
    }

    /// Integral from `from` to `to`, both within the range.
    fn integral(&self, from: f64, to: f64) -> f64 {
        let mut sum = 0.0;
        for (ends, piece) in self.knots.windows(2).zip(&self.pieces) {
            let (low, high) = (from.max(ends[0]), to.min(ends[1]));
            if low < high {
                sum += antiderivative(piece, high - ends[0]) - antiderivative(piece, low - ends[0]);
            }
        }
        sum
    }
}

/// The points that no other has for less rate or more quality, by rising
/// quality; their rates rise strictly too.
fn undominated(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    // By rate; at one rate the best first, which then hides the others.
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut front: Vec<Point> = Vec::with_capacity(sorted.len());
    for point in sorted {
        if front.last().is_none_or(|best| point.1 > best.1) {
            front.push(point);
        }
    }
    front
}

/// Lengths of the intervals and slopes of the straight lines over them.
fn intervals(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let h: Vec<f64> = x.windows(2).map(|w| w[1] - w[0]).collect();
    let rises = y.windows(2).map(|w| w[1] - w[0]);
    let slopes = rises.zip(&h).map(|(rise, h)| rise / h).collect();
    (h, slopes)
}

fn cubic_pieces(x: &[f64], y: &[f64]) -> Vec<[f64; 4]> {
    let (h, slopes) = intervals(x, y);
    let d = knot_slopes(&h, &slopes);
    (0..h.len())
        .map(|i| {
            let c2 = (3.0 * slopes[i] - 2.0 * d[i] - d[i + 1]) / h[i];
            let c3 = (d[i] + d[i + 1] - 2.0 * slopes[i]) / (h[i] * h[i]);
            [y[i], d[i], c2, c3]
        })
        .collect()
}

/// PCHIP's slopes at the knots. The data rise strictly (see [`undominated`]), so
/// every interval's slope is above 0 and the cases for a change of sign fall
/// away, but for the end slopes, which may come out below 0.
fn knot_slopes(h: &[f64], slopes: &[f64]) -> Vec<f64> {
    let last = h.len() - 1;
    let inner = (1..=last).map(|i| {
        let (w1, w2) = (2.0 * h[i] + h[i - 1], h[i] + 2.0 * h[i - 1]);
        (w1 + w2) / (w1 / slopes[i - 1] + w2 / slopes[i])
    });
    let end = |h0: f64, h1: f64, s0: f64, s1: f64| {
        let three_point = ((2.0 * h0 + h1) * s0 - h0 * s1) / (h0 + h1);
        three_point.max(0.0)
    };
    let mut d = vec![end(h[0], h[1], slopes[0], slopes[1])];
    d.extend(inner);
    d.push(end(h[last], h[last - 1], slopes[last], slopes[last - 1]));
    d
}

fn antiderivative(c: &[f64; 4], t: f64) -> f64 {
    t * (c[0] + t * (c[1] / 2.0 + t * (c[2] / 3.0 + t * c[3] / 4.0)))
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anchor => "the anchor",
            Self::Test => "the curve under test",
        })
    }
}

impl fmt::Display for BdRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPoint { side, point } => write!(
                f,
                "{side} has a point of {} bpp at quality {}, and both must be finite, the rate \
                 above 0",
                point.0, point.1
            ),
            Self::TooFewPoints {
                side,
                left,
                dominated,
            } => write!(
                f,
                "{side} has {left} points that count ({dominated} more are dominated), \
                 and a delta rate needs {MIN_POINTS}"
            ),
            Self::NoOverlap { anchor, test } => write!(
                f,
                "no quality in common: the anchor has {:.2} to {:.2}, \
                 the curve under test {:.2} to {:.2}",
                anchor.0, anchor.1, test.0, test.1
            ),
        }
    }
}

impl Error for BdRateError {}

#[cfg(test)]
#[path = "bd_rate_tests.rs"]
mod tests;
