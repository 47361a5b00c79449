//! `lic bench` from outside: real peers where they are installed, scripts in their
//! place where their failing is tested.

use std::fs;

use lic_codec::Channels;
use serde_json::Value;

use crate::command_line::{Run, text};
use crate::{crop, photograph};

/// A folder `pictures` of `count` pictures of 192x176.
fn bench(count: usize) -> Run {
    let run = Run::new();
    fs::create_dir(run.path("pictures")).unwrap();
    for i in 0..count {
        let picture = crop(&photograph(), [100 + 200 * i, 100], [192, 176]);
        let path = run.path(&format!("pictures/{i}.png"));
        let kind = image::ExtendedColorType::Rgb8;
        image::save_buffer(path, &picture.samples().eight(), 192, 176, kind).unwrap();
    }
    run
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn numbers(list: &Value, key: &str) -> Vec<f64> {
    let values = list.as_array().unwrap().iter();
    values.map(|value| value[key].as_f64().unwrap()).collect()
}

#[test]
fn a_folder_is_measured() {
    let run = bench(2);
    let line = "bench pictures -q 20,40,60,80 --peers none --csv points.csv --json -";
    let report = json(&run.ok(line).stdout);
    let curve = &report["curves"][0];
    assert_eq!(curve["codec"], "lic-mse");
    for key in ["bpp", "psnr", "ms_ssim", "ssimulacra2"] {
        let values = numbers(&curve["points"], key);
        assert_eq!(values.len(), 4, "{report}");
        assert!(values.is_sorted_by(|a, b| a < b), "{key}: {values:?}");
    }
    assert_eq!(report["pixels"], 2 * 192 * 176);
    assert!(report["test_set"].is_null() && report["published"] == Value::Array(vec![]));
    // The same points, one a line.
    let points = report["points"].as_array().unwrap();
    let mut sheet = csv::Reader::from_path(run.path("points.csv")).unwrap();
    let names = sheet.headers().unwrap().clone();
    let column = names.iter().position(|name| name == "bytes").unwrap();
    let bytes: Vec<String> = sheet
        .records()
        .map(|line| line.unwrap()[column].to_owned())
        .collect();
    let expected: Vec<String> = points.iter().map(|p| p["bytes"].to_string()).collect();
    assert_eq!(bytes, expected);
}

/// A bench that was stopped measures only what its file does not hold, and jobs do
/// not change what comes out.
#[test]
fn a_stopped_bench_goes_on() {
    let run = bench(3);
    let line = "bench pictures -q 30,60 --peers none --points points.jsonl --json";
    run.ok(&format!("{line} whole.json --jobs 2"));
    let whole = json(&fs::read(run.path("whole.json")).unwrap());
    let kept = fs::read_to_string(run.path("points.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 6);

    // As if it had been stopped in the middle of the fourth line.
    let lines: Vec<&str> = kept.lines().collect();
    let cut = format!("{}\n{}", lines[..3].join("\n"), &lines[3][..50]);
    fs::write(run.path("points.jsonl"), cut).unwrap();
    run.ok(&format!("{line} again.json"));
    let again = fs::read_to_string(run.path("points.jsonl")).unwrap();
    let again: Vec<&str> = again.lines().collect();
    assert_eq!(again[..3], lines[..3]);
    assert_eq!(again.len(), 6);
    let after = json(&fs::read(run.path("again.json")).unwrap());
    let of = |report: &Value, key: &str| numbers(&report["points"], key);
    for key in ["bytes", "setting", "mse", "ssimulacra2"] {
        assert_eq!(of(&whole, key), of(&after, key), "{key}");
    }
    let names = |report: &Value| -> Vec<String> {
        let points = report["points"].as_array().unwrap().iter();
        points
            .map(|p| p["picture"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&after),
        ["0.png", "0.png", "1.png", "1.png", "2.png", "2.png"]
    );
    assert_eq!(names(&whole), names(&after));

    // Another build's points are found out by the first of them.
    let foreign = again.join("\n").replacen("\"bytes\":", "\"bytes\":1", 6) + "\n";
    fs::write(run.path("points.jsonl"), foreign).unwrap();
    let words = run.fails(&format!("{line} third.json --quiet"));
    assert!(words.contains("another build"), "{words}");
}

#[test]
fn pictures_that_are_not_the_test_set_are_refused() {
    let run = bench(1);
    let words = run.fails("bench kodak --data pictures --peers none");
    assert!(words.contains("kodim01.png is missing"), "{words}");
    fs::copy(run.path("pictures/0.png"), run.path("pictures/kodim01.png")).unwrap();
    let words = run.fails("bench kodak --data pictures --peers none");
    assert!(words.contains("kodim01.png differs"), "{words}");
    let words = run.fails("bench tecnick --data pictures");
    assert!(words.contains("clic2025"), "{words}");
    assert!(!run.path("points.jsonl").exists());
}

/// Every peer that is installed gives a curve; those that are not are named. In grey,
/// which not all of them keep.
#[test]
fn installed_peers_are_measured() {
    let run = bench(1);
    let picture = crop(&photograph(), [300, 100], [192, 176]).into_channels(Channels::Grey);
    let kind = image::ExtendedColorType::L8;
    let path = run.path("pictures/grey.png");
    image::save_buffer(path, &picture.samples().eight(), 192, 176, kind).unwrap();
    let output = run.ok("bench pictures -q 20,40,60,80 --json - --csv points.csv");
    let report = json(&output.stdout);
    let curves = report["curves"].as_array().unwrap();
    let left_out = report["left_out"].as_array().unwrap();
    assert_eq!(curves.len() - 1 + left_out.len(), 5, "{report}");
    for curve in curves {
        let codec = curve["codec"].as_str().unwrap();
        let points = &curve["points"];
        assert!(numbers(points, "bpp").is_sorted_by(|a, b| a < b), "{curve}");
        assert!(
            numbers(points, "psnr").is_sorted_by(|a, b| a < b),
            "{curve}"
        );
        // All of them are real: from poor to good over the range of settings.
        let best = numbers(points, "psnr").pop().unwrap();
        assert!((34.0..60.0).contains(&best), "{codec}: {best} dB");
        assert!(!curve["version"].as_str().unwrap().is_empty());
    }
    let words = text(&output.stderr);
    for peer in left_out {
        let name = peer["name"].as_str().unwrap();
        assert!(words.contains(&format!("{name} is left out: ")), "{words}");
        // Because it is not there, never because it was called wrongly.
        let reason = peer["reason"].as_str().unwrap();
        let missing = reason.ends_with("on PATH") || reason.ends_with("no libx265");
        assert!(missing, "{reason}");
    }
    // Every pair of curves and metric has a delta rate or a reason.
    let pairs = curves.len() * (curves.len() - 1);
    let deltas = report["bd_rates"].as_array().unwrap();
    assert_eq!(deltas.len(), 3 * pairs);
    let sound = |d: &Value| d["rate"].is_object() != d["none"].is_string();
    assert!(deltas.iter().all(sound), "{deltas:?}");
}

#[cfg(unix)]
mod scripts {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Puts a shell script in the place of a program.
    fn program(run: &Run, name: &str, script: &str) {
        let path = run.path("bin").join(name);
        fs::create_dir_all(run.path("bin")).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs with these scripts alone on PATH.
    fn alone(run: &Run, line: &str) -> std::process::Output {
        let mut command = run.command(line);
        command.env("PATH", run.path("bin")).output().unwrap()
    }

    const VERSION: &str = "case \"$1\" in *version*) echo 'libwebp 9.9'; exit 0;; esac";

    #[test]
    fn a_missing_peer_is_named_and_skipped() {
        let run = bench(1);
        program(&run, "cwebp", VERSION);
        let output = alone(&run, "bench pictures -q 50 --json -");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report = json(&output.stdout);
        assert_eq!(report["curves"].as_array().unwrap().len(), 1);
        let reasons: Vec<&str> = report["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .map(|peer| peer["reason"].as_str().unwrap())
            .collect();
        // WebP's encoder is there, its decoder is not.
        let no = |name: &str| format!("no {name} on PATH");
        let expected = ["djpeg", "dwebp", "avifdec", "djxl", "ffmpeg"].map(no);
        assert_eq!(reasons, expected);

        let output = alone(&run, "bench pictures -q 50 --peers webp --json -");
        assert_eq!(output.status.code(), Some(1));
        let words = text(&output.stderr);
        assert!(
            words.contains("cannot measure WebP: no dwebp on PATH"),
            "{words}"
        );
    }

    #[test]
    fn a_failing_peer_is_left_out() {
        let run = bench(2);
        program(&run, "dwebp", VERSION);
        program(
            &run,
            "cwebp",
            &format!("{VERSION}\necho 'first word' >&2\necho 'out of ink' >&2\nexit 3"),
        );
        let output = alone(&run, "bench pictures -q 50 --peers webp --json -");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report = json(&output.stdout);
        let reason = report["left_out"][0]["reason"].as_str().unwrap();
        assert!(
            reason.ends_with("0.png: quality 1: cwebp failed: out of ink"),
            "{reason}"
        );
        assert_eq!(numbers(&report["points"], "setting"), [50.0, 50.0]);
    }

    #[test]
    fn a_peer_that_writes_nothing_or_another_picture_is_left_out() {
        let run = bench(1);
        program(&run, "dwebp", VERSION);
        program(&run, "cwebp", VERSION);
        let reason = |run: &Run| {
            let output = alone(run, "bench pictures -q 50 --peers webp --json -");
            assert!(output.status.success(), "{}", text(&output.stderr));
            json(&output.stdout)["left_out"][0]["reason"].to_string()
        };
        assert!(reason(&run).contains("WebP wrote no file"));
        // A decoder whose picture has another size.
        let copy = |input: &str| format!("{VERSION}\n/bin/cp {input} \"$(eval echo \\${{$#}})\"");
        program(&run, "cwebp", &copy("pictures/0.png"));
        program(&run, "dwebp", &copy("in.png"));
        let text = reason(&run);
        assert!(text.contains("192x176") && text.contains("96x64"), "{text}");
    }
}

/// What the page shows is what `--json` says.
#[test]
fn the_page_holds_the_figures_of_the_bench() {
    let run = bench(2);
    let line = "bench pictures -q 20,40,60,80 --peers none --report out --json figures.json";
    run.ok(line);
    let page = fs::read_to_string(run.path("out/index.html")).unwrap();
    let embedded = |id: &str| {
        let start = format!("<script type=\"application/json\" id=\"{id}\">");
        let (_, rest) = page.split_once(&start).unwrap();
        json(rest.split_once("</script>").unwrap().0.as_bytes())
    };
    let mut figures = json(&fs::read(run.path("figures.json")).unwrap());
    figures.as_object_mut().unwrap().remove("points").unwrap();
    assert_eq!(embedded("figures"), figures);
    let shown = embedded("pictures");
    assert_eq!(shown.as_array().unwrap().len(), 2);
    let bpp = shown[0]["codings"][0]["bpp"].as_f64().unwrap();
    // Small pictures: one step of quality is up to a tenth of the rate.
    assert!((0.2..0.3).contains(&bpp), "{bpp}");
    assert!(run.path("out/points.jsonl").exists());
    // Nothing to measure any more: the figures stay, speeds and all.
    run.ok(&line.replace("figures.json", "again.json"));
    let again = json(&fs::read(run.path("again.json")).unwrap());
    for key in ["bpp", "psnr", "encode_mps", "decode_mps"] {
        let of = |report: &Value| numbers(&report["curves"][0]["points"], key);
        for (a, b) in of(&again).iter().zip(of(&figures)) {
            // The last digit of a float may be lost on its way through text.
            assert!((a / b - 1.0).abs() < 1e-14, "{key}: {a}, not {b}");
        }
    }
}

/// What is timed depends on the machine; that all of it is there does not.
#[test]
fn speeds_are_told_by_size_and_threads() {
    let run = bench(2);
    let line = "bench pictures --speed --threads 2 --megapixels 0.02,0.05 --json -";
    let report = json(&run.ok(line).stdout);
    let sizes = report["sizes"].as_array().unwrap();
    let at = |row: &Value, key: &str| row[key].as_u64().unwrap();
    let order: Vec<_> = sizes
        .iter()
        .map(|r| (at(r, "width"), at(r, "threads")))
        .collect();
    assert_eq!(order, [(163, 1), (163, 2), (258, 1), (258, 2)]);
    for row in sizes {
        for key in [
            "encode_mps",
            "decode_mps",
            "encode_program_mps",
            "decode_program_mps",
        ] {
            assert!(row[key].as_f64().unwrap() > 0.0, "{key}: {row}");
        }
        // Weights and picture are a part of it.
        assert!(row["encode_peak_bytes"].as_u64() > Some(10 << 20), "{row}");
    }
    assert!(report["start_up"]["info_ms"].as_f64().unwrap() > 0.0);
    let refused = run.fails("bench pictures --speed -q 20,50");
    assert!(refused.contains("one quality"), "{refused}");
}
