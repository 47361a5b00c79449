//! What `lic bench` prints.

use super::Figures;
use super::matrix::{Delta, Origin};
use super::summary::{Curve, Metric, Summary};

/// All of it.
pub fn text(figures: &Figures) -> String {
    let mut text = head(figures);
    for curve in &figures.curves {
        text.push_str(&curve_text(curve));
    }
    for metric in Metric::ALL {
        text.push_str(&matrix(figures, metric));
    }
    text.push_str(&reasons(figures));
    for peer in &figures.left_out {
        text.push_str(&format!("{} is left out: {}\n", peer.name, peer.reason));
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

fn head(figures: &Figures) -> String {
    let (pictures, machine) = (figures.pictures, &figures.machine);
    let plural = if pictures == 1 { "" } else { "s" };
    let set = figures.test_set.as_ref();
    let set = set.map_or_else(String::new, |name| format!(" ({name}, verified)"));
    let mut text = format!(
        "{pictures} picture{plural}{set}, {:.2} MP; {}; threads: {}, networks on {}\n",
        figures.pixels as f64 / 1e6,
        machine.cpu,
        machine.threads,
        machine.device
    );
    if machine.jobs > 1 {
        let jobs = machine.jobs;
        text.push_str(&format!(
            "{jobs} pictures at the same time: speeds are too low\n"
        ));
    }
    text
}

fn curve_text(curve: &Curve) -> String {
    let mut text = format!(
        "\n{}: {}\n{}\n",
        curve.name, curve.version, curve.convention
    );
    text.push_str(&format!(
        "{:>8}     bpp    PSNR  of mean MSE  MS-SSIM  in dB  SSIMULACRA2  file/predicted  \
         enc MP/s  dec MP/s\n",
        curve.setting
    ));
    for summary in &curve.points {
        text.push_str(&summary_line(summary));
    }
    text
}

fn summary_line(s: &Summary) -> String {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    format!(
        "{:>8} {:>7.4} {:>7} {:>12} {:>8} {:>6} {:>12} {:>15} {:>9.2} {:>9.2}\n",
        s.setting,
        s.bpp,
        number(s.psnr, 2),
        number(s.psnr_of_mean_mse, 2),
        number(s.ms_ssim, 5),
        number(s.ms_ssim_db, 2),
        number(s.ssimulacra2, 2),
        number(s.file_over_predicted, 4),
        s.encode_mps,
        s.decode_mps
    )
}

/// Delta rates of the measured codecs, one a column, against all others.
fn matrix(figures: &Figures, metric: Metric) -> String {
    let tests: Vec<&str> = figures.curves.iter().map(|c| c.codec.as_str()).collect();
    let row = |anchor: &str, origin: Origin| {
        let cells = tests
            .iter()
            .map(|test| cell(figures, metric, test, (anchor, origin)));
        let cells: String = cells.map(|cell| format!(" {cell:>10}")).collect();
        format!("{anchor:<20}{cells}\n")
    };
    let mut text = format!(
        "\nBD-rate in {}: bits that the column's codec takes more than the row's\n{:<20}{}\n",
        metric.name(),
        "",
        tests
            .iter()
            .map(|t| format!(" {t:>10}"))
            .collect::<String>()
    );
    text.extend(tests.iter().map(|anchor| row(anchor, Origin::Measured)));
    let published = |d: &&Delta| d.metric == metric && d.anchor_is == Origin::Published;
    let mut anchors: Vec<&str> = Vec::new();
    for delta in figures.bd_rates.iter().filter(published) {
        if !anchors.contains(&delta.anchor.as_str()) {
            anchors.push(&delta.anchor);
        }
    }
    if !anchors.is_empty() {
        text.push_str("and against published points, not measured here:\n");
        // In the order of the file.
        let known = figures.published.iter().map(|anchor| anchor.key.as_str());
        let known = known.filter(|key| anchors.contains(key));
        text.extend(known.map(|anchor| row(anchor, Origin::Published)));
    }
    text
}

/// The anchor comes with its origin: JPEG may be measured and published.
fn cell(figures: &Figures, metric: Metric, test: &str, anchor: (&str, Origin)) -> String {
    let mut deltas = figures.bd_rates.iter();
    let found = deltas.find(|d| {
        d.metric == metric
            && d.test == test
            && d.test_is == Origin::Measured
            && (d.anchor.as_str(), d.anchor_is) == anchor
    });
    match found {
        None => String::new(),
        Some(delta) => delta.rate.map_or_else(
            || "none".to_owned(),
            |rate| format!("{:+.1} %", rate.percent),
        ),
    }
}

/// Why delta rates of ours are missing, and what was left out of them.
fn reasons(figures: &Figures) -> String {
    let ours = figures.curves.first().map(|curve| curve.codec.as_str());
    let mut text = String::new();
    for delta in figures.bd_rates.iter().filter(|d| ours == Some(&d.test)) {
        let origin = match delta.anchor_is {
            Origin::Measured => "",
            Origin::Published => "published ",
        };
        let what = format!("{} against {origin}{}", delta.metric.name(), delta.anchor);
        if let Some(reason) = &delta.none {
            text.push_str(&format!("{what}: {reason}\n"));
        }
        if let Some(left_out) = delta.rate.map(|rate| rate.dominated).filter(|n| *n > 0) {
            text.push_str(&format!(
                "{what}: {left_out} points left out as dominated\n"
            ));
        }
    }
    if figures.published.is_empty() {
        text.push_str(
            "No published points: they hold for the 24 Kodak pictures, all of them and no \
             others.\n",
        );
    }
    if text.is_empty() {
        text
    } else {
        format!("\n{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::tests::figures;
    use super::*;

    #[test]
    fn measured_and_published_stand_apart() {
        let text = text(&figures());
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
        assert!(at("24 pictures (kodak, verified), 9.44 MP") == 0);
        assert!(
            text.contains("HEVC is left out: no ffmpeg on PATH"),
            "{text}"
        );
        let matrix = &text[at("BD-rate in PSNR")..at("BD-rate in MS-SSIM")];
        let published = matrix.find("and against published").unwrap();
        assert!(matrix.find("\nlic-mse ").unwrap() < published, "{matrix}");
        assert!(matrix.find("\nvtm ").unwrap() > published, "{matrix}");
        // Half as much again as the other, and two thirds of it.
        let cells = |text: &str, key: &str| {
            let row = text
                .lines()
                .find(|line| line.starts_with(&format!("{key} ")));
            row.unwrap()
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(cells(matrix, "lic-mse")[1], "+50.0");
        assert_eq!(cells(matrix, "jpeg")[1], "-33.3");
        // JPEG was published, too: another row, with other figures.
        let rates = &figures().bd_rates;
        let of = |d: &&Delta| d.test == "lic-mse" && d.anchor == "jpeg" && d.metric == Metric::Psnr;
        let read = rates
            .iter()
            .filter(of)
            .find(|d| d.anchor_is == Origin::Published);
        let percent = read.unwrap().rate.unwrap().percent;
        assert_eq!(
            cells(&matrix[published..], "jpeg")[1],
            format!("{percent:+.1}")
        );
        assert!((percent + 33.3).abs() > 1.0, "{percent}");
        // Nobody published SSIMULACRA2.
        assert!(!text[at("BD-rate in SSIMULACRA2")..].contains("and against published"));
    }

    #[test]
    fn without_the_set_there_is_nothing_published() {
        let mut figures = figures();
        figures.test_set = None;
        figures.published = Vec::new();
        figures.bd_rates = super::super::matrix::deltas(&figures.curves, &[]);
        let text = text(&figures);
        assert!(text.contains("No published points"), "{text}");
        assert!(!text.contains("vtm"), "{text}");
    }
}
