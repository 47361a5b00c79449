//! Published rate-distortion curves on Kodak, kept as data.
//!
//! The file is `anchors.json`: per curve a short `key` for the command line and
//! reports, the `name` under which it was collected, its points, and where they
//! come from. The numbers are copied, never edited.

use std::sync::LazyLock;

use lic_codec::measure::ms_ssim_db;
use serde::{Deserialize, Serialize};

use super::bd_rate::Point;

const FILE: &str = include_str!("anchors.json");

/// One codec's published curve on the 24 Kodak pictures.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Short name, unique in the file.
    pub key: String,
    /// Name in the collection it was copied from.
    pub name: String,
    /// Bits per pixel, rising.
    pub bpp: Vec<f64>,
    /// PSNR over RGB in dB, one per rate.
    pub psnr_rgb: Vec<f64>,
    /// MS-SSIM over RGB, 0 to 1, one per rate, if it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms_ssim_rgb: Option<Vec<f64>>,
    /// Where the points were published: repository, commit and file.
    pub source: String,
    /// How they were averaged.
    pub convention: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dataset: String,
    anchors: Vec<Anchor>,
}

static ANCHORS: LazyLock<File> =
    LazyLock::new(|| serde_json::from_str(FILE).expect("a test parses this file, compiled in"));

/// The test set that the curves were measured on: delta rates against them mean
/// nothing on other pictures.
pub fn dataset() -> &'static str {
    &ANCHORS.dataset
}

/// All curves, in the order of the file.
pub fn all() -> &'static [Anchor] {
    &ANCHORS.anchors
}

/// The curve with this key.
#[cfg(test)]
pub fn find(key: &str) -> Option<&'static Anchor> {
    all().iter().find(|anchor| anchor.key == key)
}

impl Anchor {
    /// Bits per pixel and PSNR.
    pub fn psnr_curve(&self) -> Vec<Point> {
        let rates = self.bpp.iter().copied();
        rates.zip(self.psnr_rgb.iter().copied()).collect()
    }

    /// Bits per pixel and MS-SSIM in dB (see [`ms_ssim_db`]), if published.
    pub fn ms_ssim_curve(&self) -> Option<Vec<Point>> {
        let values = self.ms_ssim_rgb.as_ref()?;
        let rates = self.bpp.iter().copied();
        Some(rates.zip(values.iter().map(|&x| ms_ssim_db(x))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_curve_is_sorted_and_says_its_source() {
        assert_eq!(dataset(), "kodak");
        let keys: BTreeSet<_> = all().iter().map(|a| &a.key).collect();
        assert_eq!(keys.len(), all().len());
        for anchor in all() {
            let key = &anchor.key;
            assert!(!anchor.source.is_empty(), "{key}");
            assert!(!anchor.convention.is_empty(), "{key}");
            assert!(
                anchor.bpp.len() >= super::super::bd_rate::MIN_POINTS,
                "{key}"
            );
            assert!(anchor.bpp.is_sorted_by(|a, b| a < b), "{key}");
            assert_eq!(anchor.psnr_rgb.len(), anchor.bpp.len(), "{key}");
            assert!(anchor.psnr_rgb.is_sorted_by(|a, b| a < b), "{key}");
            if let Some(values) = &anchor.ms_ssim_rgb {
                assert_eq!(values.len(), anchor.bpp.len(), "{key}");
                assert!(values.is_sorted_by(|a, b| a < b), "{key}");
                assert!(values.iter().all(|&x| 0.0 < x && x < 1.0), "{key}");
            }
        }
    }

    #[test]
    fn the_four_that_reports_compare_with_are_there() {
        for key in ["jpeg", "webp", "bpg", "vtm"] {
            let anchor = find(key).unwrap();
            assert_eq!(anchor.psnr_curve().len(), anchor.bpp.len());
            assert!(anchor.ms_ssim_curve().is_some(), "{key}");
        }
        assert!(find("none").is_none());
    }
}
