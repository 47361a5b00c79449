//! Means over pictures: the points of a curve.

use std::collections::BTreeMap;

use lic_codec::measure::{ms_ssim_db, psnr_of};
use serde::Serialize;

use super::bd_rate;
use super::codec::About;
use super::points::Point;

/// Means over the pictures at a setting.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The setting, on the codec's own scale.
    pub setting: f64,
    /// Mean of the pictures' bits a pixel.
    pub bpp: f64,
    /// Mean of the pictures' PSNR in dB; null if a picture lost nothing.
    pub psnr: Option<f64>,
    /// PSNR of the mean of the pictures' squared errors; null if none lost
    /// anything.
    pub psnr_of_mean_mse: Option<f64>,
    /// Mean of the pictures' MS-SSIM; null if a picture is too small for it.
    pub ms_ssim: Option<f64>,
    /// That mean in dB.
    pub ms_ssim_db: Option<f64>,
    /// Mean of the pictures' SSIMULACRA2; null if a picture is too small for it.
    pub ssimulacra2: Option<f64>,
    /// Length of the files over what the model predicted; null for the others.
    pub file_over_predicted: Option<f64>,
    /// Megapixels a second, all pixels over all time.
    pub encode_mps: f64,
    /// Back.
    pub decode_mps: f64,
}

/// A codec's means, by rising rate.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// Short name, unique in a bench.
    pub codec: String,
    /// Its name for people.
    pub name: String,
    /// Which build was measured.
    pub version: String,
    /// How it was run and timed.
    pub convention: String,
    /// What its setting is called.
    pub setting: &'static str,
    /// Megapixels a second, over all settings.
    pub encode_mps: f64,
    /// Back.
    pub decode_mps: f64,
    /// One a setting.
    pub points: Vec<Summary>,
}

/// On what quality is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// PSNR over RGB in dB, mean of the pictures'.
    Psnr,
    /// MS-SSIM over RGB, mean of the pictures', in dB.
    MsSsim,
    /// SSIMULACRA2, mean of the pictures'.
    Ssimulacra2,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Psnr, Self::MsSsim, Self::Ssimulacra2];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Psnr => "PSNR",
            Self::MsSsim => "MS-SSIM",
            Self::Ssimulacra2 => "SSIMULACRA2",
        }
    }
}

impl Summary {
    /// Of the points of one setting; there is one at least.
    fn of(points: &[&Point]) -> Self {
        let sum = |f: fn(&Point) -> f64| points.iter().map(|p| f(p)).sum::<f64>();
        let mean = |f: fn(&Point) -> f64| sum(f) / points.len() as f64;
        let ms_ssim = mean_of(points, |p| p.ms_ssim);
        let predicted: Option<Vec<f64>> = points.iter().map(|p| p.predicted_bits).collect();
        let over = |bits: Vec<f64>| sum(|p| p.bytes as f64 * 8.0) / bits.iter().sum::<f64>();
        Self {
            setting: points.first().map_or(0.0, |p| p.setting),
            bpp: mean(|p| p.bpp),
            psnr: mean_of(points, |p| p.psnr),
            psnr_of_mean_mse: finite(psnr_of(mean(|p| p.mse))),
            ms_ssim,
            ms_ssim_db: ms_ssim.map(ms_ssim_db).and_then(finite),
            ssimulacra2: mean_of(points, |p| p.ssimulacra2),
            file_over_predicted: predicted.map(over),
            encode_mps: speed(points, |p| p.encode_seconds),
            decode_mps: speed(points, |p| p.decode_seconds),
        }
    }
}

impl Curve {
    /// Of all points of one codec.
    pub fn of(about: &About, points: &[Point]) -> Self {
        let own: Vec<&Point> = points.iter().filter(|p| p.codec == about.key).collect();
        // Settings as bits: they are compared, never computed with.
        let mut settings: BTreeMap<u64, Vec<&Point>> = BTreeMap::new();
        for &point in &own {
            let setting = settings.entry(point.setting.to_bits());
            setting.or_default().push(point);
        }
        let mut means: Vec<Summary> = settings.values().map(|p| Summary::of(p)).collect();
        means.sort_by(|a, b| a.bpp.total_cmp(&b.bpp));
        Self {
            codec: about.key.clone(),
            name: about.name.clone(),
            version: about.version.clone(),
            convention: about.convention.clone(),
            setting: about.setting,
            encode_mps: speed(&own, |p| p.encode_seconds),
            decode_mps: speed(&own, |p| p.decode_seconds),
            points: means,
        }
    }

    /// Rates and qualities; points that have none are left out.
    pub fn rate_points(&self, metric: Metric) -> Vec<bd_rate::Point> {
        let quality = |s: &Summary| match metric {
            Metric::Psnr => s.psnr,
            Metric::MsSsim => s.ms_ssim_db,
            Metric::Ssimulacra2 => s.ssimulacra2,
        };
        let points = self.points.iter();
        points.filter_map(|s| Some((s.bpp, quality(s)?))).collect()
    }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// The mean, if every point has the figure.
fn mean_of(points: &[&Point], figure: fn(&Point) -> Option<f64>) -> Option<f64> {
    let known: Option<Vec<f64>> = points.iter().map(|p| figure(p)).collect();
    known.map(|known| known.iter().sum::<f64>() / known.len() as f64)
}

/// Megapixels a second.
fn speed(points: &[&Point], seconds: fn(&Point) -> f64) -> f64 {
    let pixels: u64 = points.iter().map(|p| p.pixels()).sum();
    pixels as f64 / 1e6 / points.iter().map(|p| seconds(p)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::points::tests::point;
    use super::*;

    fn about() -> About {
        About {
            key: "x".into(),
            name: "X".into(),
            version: "1.0".into(),
            convention: "as it is".into(),
            setting: "quality",
        }
    }

    #[test]
    fn means_are_of_pictures_and_speeds_of_pixels() {
        let small = point("x", "a", 5.0, 1000, 30.0);
        let mut large = point("x", "b", 5.0, 8000, 40.0);
        (large.width, large.height, large.bpp) = (200, 200, 1.6);
        let points = [small.clone(), large.clone(), point("y", "a", 5.0, 1, 9.0)];
        let curve = Curve::of(&about(), &points);
        let [mean] = &curve.points[..] else {
            panic!("{curve:?}")
        };
        assert!((mean.bpp - (0.8 + 1.6) / 2.0).abs() < 1e-12);
        assert_eq!(mean.psnr, Some(35.0));
        // A mean of logarithms is above the logarithm of the mean.
        assert!(mean.psnr_of_mean_mse.unwrap() < 33.0);
        // 0.05 MP in one second, all pixels over all time.
        assert!((mean.encode_mps - 0.05).abs() < 1e-12);
        assert!((curve.decode_mps - 0.1).abs() < 1e-12);
        assert_eq!(mean.file_over_predicted, None);
    }

    #[test]
    fn one_missing_figure_leaves_no_mean() {
        let [a, mut b] = ["a", "b"].map(|name| point("x", name, 5.0, 1000, 30.0));
        (b.ms_ssim, b.psnr, b.ssimulacra2) = (None, None, None);
        let mean = &Curve::of(&about(), &[a, b]).points[0];
        let none = (mean.psnr, mean.ms_ssim, mean.ms_ssim_db, mean.ssimulacra2);
        assert_eq!(none, (None, None, None, None));
        assert!(mean.psnr_of_mean_mse.is_some());
    }

    #[test]
    fn points_are_by_rising_rate_on_any_scale() {
        let falling = [(0.5, 9000), (3.0, 3000), (12.0, 1000)];
        let points = falling.map(|(distance, bytes)| point("x", "a", distance, bytes, 30.0));
        let curve = Curve::of(&about(), &points);
        let settings: Vec<f64> = curve.points.iter().map(|p| p.setting).collect();
        assert_eq!(settings, [12.0, 3.0, 0.5]);
        assert_eq!(curve.rate_points(Metric::Ssimulacra2)[0], (0.8, 60.0));
    }
}
