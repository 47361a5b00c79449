//! What `lic bench` prints.

use std::fmt::Write;

use super::bd_rate::BdRate;
use super::measure::Summary;
use super::{Comparison, Delta, Measurements};

/// All of it.
pub fn text(measured: &Measurements) -> String {
    let mut text = head(measured);
    text.push_str(
        "\n  q     bpp    PSNR  of mean MSE  MS-SSIM  in dB  file/predicted  enc MP/s  dec MP/s\n",
    );
    for summary in &measured.summaries {
        text.push_str(&summary_line(summary));
    }
    text.push('\n');
    text.push_str(&comparisons(measured));
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

fn head(measured: &Measurements) -> String {
    let Measurements {
        model,
        device,
        threads,
        pictures,
        pixels,
        ..
    } = measured;
    let key = model.key.as_deref().unwrap_or_default();
    format!(
        "{pictures} picture{}, {:.2} MP; model {key} (id {}, weights {}) on {device}; \
         rayon threads: {threads}\n",
        if *pictures == 1 { "" } else { "s" },
        *pixels as f64 / 1e6,
        model.id,
        model.digest
    )
}

fn summary_line(s: &Summary) -> String {
    let (raw, db) = match s.ms_ssim.zip(s.ms_ssim_db) {
        Some((raw, db)) => (format!("{raw:.5}"), format!("{db:.2}")),
        None => ("-".to_owned(), "-".to_owned()),
    };
    format!(
        "{:>3} {:>7.4} {:>7.2} {:>12.2} {raw:>8} {db:>6} {:>15.4} {:>9.2} {:>9.2}\n",
        s.quality,
        s.bpp,
        s.psnr,
        s.psnr_of_mean_mse,
        s.file_over_predicted,
        s.encode_mps,
        s.decode_mps
    )
}

fn comparisons(measured: &Measurements) -> String {
    if measured.test_set.is_none() {
        return "No BD-rates: the published points hold for the 24 Kodak pictures, \
                all of them and no others.\n"
            .to_owned();
    }
    let mut text = "BD-rate against points published for the 24 Kodak pictures; \
                    they hold for no others.\n"
        .to_owned();
    text.push_str("anchor                    PSNR            over   MS-SSIM            over\n");
    for comparison in &measured.bd_rates {
        text.push_str(&comparison_line(comparison));
    }
    for comparison in &measured.bd_rates {
        text.push_str(&reasons(comparison));
    }
    text
}

fn comparison_line(c: &Comparison) -> String {
    let (psnr, psnr_over) = delta(Some(&c.psnr));
    let (ms_ssim, ms_ssim_over) = delta(c.ms_ssim.as_ref());
    format!(
        "{:<20} {psnr:>9} {psnr_over:>15} {ms_ssim:>9} {ms_ssim_over:>15}\n",
        c.anchor
    )
}

/// A rate and the range that it holds over.
fn delta(delta: Option<&Delta>) -> (String, String) {
    match delta {
        Some(Delta::Rate(BdRate {
            percent,
            from_db,
            to_db,
            ..
        })) => (
            format!("{percent:+.1} %"),
            format!("{from_db:.1} to {to_db:.1} dB"),
        ),
        Some(Delta::None(_)) => ("none".to_owned(), String::new()),
        None => ("-".to_owned(), String::new()),
    }
}

/// Why a delta rate is missing, and what was left out of one.
fn reasons(c: &Comparison) -> String {
    let mut text = String::new();
    let measures = [("PSNR", Some(&c.psnr)), ("MS-SSIM", c.ms_ssim.as_ref())];
    for (measure, delta) in measures {
        // Writing to a String does not fail.
        let _ = match delta {
            Some(Delta::None(reason)) => writeln!(text, "{} {measure}: {reason}", c.anchor),
            Some(Delta::Rate(rate)) if rate.dominated > 0 => {
                let left_out = rate.dominated;
                writeln!(
                    text,
                    "{} {measure}: {left_out} points left out as dominated",
                    c.anchor
                )
            }
            _ => Ok(()),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ModelName;

    #[test]
    fn says_whether_published_points_apply() {
        let summary = |quality: f32, bpp, psnr| Summary {
            quality,
            bpp,
            psnr,
            psnr_of_mean_mse: psnr - 0.5,
            ms_ssim: Some(0.99),
            ms_ssim_db: Some(20.0),
            file_over_predicted: 1.004,
            encode_mps: 0.5,
            decode_mps: 1.0,
        };
        let curve = [
            (20.0, 0.2, 29.0),
            (40.0, 0.4, 32.0),
            (60.0, 0.8, 35.0),
            (80.0, 1.6, 39.0),
        ];
        let summaries: Vec<Summary> = curve.map(|(q, r, d)| summary(q, r, d)).to_vec();
        let mut measured = Measurements {
            model: ModelName {
                id: 1,
                digest: "0a0b0c0d".into(),
                key: Some("mse".into()),
            },
            device: "flex",
            threads: 2,
            folder: "kodak".into(),
            test_set: None,
            pictures: 24,
            pixels: 9_437_184,
            bd_rates: Vec::new(),
            summaries,
            rows: Vec::new(),
        };
        let other = text(&measured);
        assert!(other.contains("24 pictures, 9.44 MP; model mse"), "{other}");
        assert!(other.contains("No BD-rates"), "{other}");

        measured.test_set = Some("kodak");
        measured.bd_rates = super::super::compare(&measured.summaries);
        let kodak = text(&measured);
        let lines: Vec<&str> = kodak.lines().collect();
        let first = lines.iter().position(|l| l.starts_with("jpeg ")).unwrap();
        for (line, key) in lines[first..].iter().zip(["jpeg", "webp", "bpg", "vtm"]) {
            assert!(line.starts_with(key) && line.contains(" dB"), "{kodak}");
        }
        // All four have the same MS-SSIM here: three are dominated.
        assert!(
            kodak.contains("jpeg MS-SSIM: the curve under test has 1"),
            "{kodak}"
        );
    }
}
