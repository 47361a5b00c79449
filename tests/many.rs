//! Many files at a time, and the flags beside them, from outside.

use std::fs;

use lic_datasets::video::Sampling;

use crate::clips::{pan, y4m};
use crate::command_line::{Run, text};
use crate::{crop, open, photograph};

/// A folder with three small pictures, `a.png`, `b.png` and `c.ppm`, in `in/`.
fn three() -> Run {
    let run = Run::new();
    fs::create_dir(run.path("in")).unwrap();
    let original = photograph();
    for (name, size) in [
        ("a.png", [64, 48]),
        ("b.png", [96, 64]),
        ("c.ppm", [48, 80]),
    ] {
        let part = crop(&original, [200, 200], size);
        let path = run.path("in").join(name);
        let kind = image::ExtendedColorType::Rgb8;
        let [width, height] = size.map(|side| side as u32);
        image::save_buffer(path, &part.samples().eight(), width, height, kind).unwrap();
    }
    run
}

fn listed(run: &Run, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(run.path(folder)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn lines(output: &[u8]) -> Vec<serde_json::Value> {
    let lines = text(output);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Exit code and standard error.
fn ended(run: &Run, line: &str) -> (i32, String) {
    let output = run.run(line);
    (output.status.code().unwrap(), text(&output.stderr))
}

#[test]
fn many_files_become_what_each_becomes_alone() {
    let run = three();
    let output = run.ok("encode in/a.png in/b.png in/c.ppm -o new/out --json -q 30");
    assert_eq!(listed(&run, "new/out"), ["a.lic", "b.lic", "c.lic"]);
    let words = text(&output.stderr);
    for part in [
        "64x48",
        "96x64",
        "48x80",
        "total",
        "13,056",
        "3 files: 3 done",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let told = lines(&output.stdout);
    for (line, name) in told.iter().zip(["a.png", "b.png", "c.ppm"]) {
        run.ok(&format!("encode in/{name} one.lic -q 30"));
        let file = line["file"].as_str().unwrap();
        assert!(file.ends_with(&name.replace(&name[1..], ".lic")), "{file}");
        let bytes = fs::read(run.path(file)).unwrap();
        assert!(bytes == fs::read(run.path("one.lic")).unwrap(), "{name}");
        assert_eq!(
            (&line["type"], &line["bytes"]),
            (&"encode".into(), &bytes.len().into())
        );
    }
    assert_eq!(told.len(), 3);

    // A folder, a pattern that no shell has seen, and one thread: the same files.
    run.ok("encode in -o folder -q 30 --threads 1");
    run.ok("encode in/?.p* -o pattern -q 30 --threads 2");
    for (folder, name) in ["folder", "pattern"]
        .iter()
        .flat_map(|f| ["a", "b", "c"].map(|n| (f, n)))
    {
        let read = |folder: &str| fs::read(run.path(&format!("{folder}/{name}.lic"))).unwrap();
        assert!(read(folder) == read("new/out"), "{folder}/{name}");
    }
    assert!(text(&run.ok("encode in -o quiet --quiet").stderr).is_empty());
}

#[test]
fn many_files_are_decoded_as_each_is_alone() {
    let run = three();
    run.ok("encode in -o out");
    run.ok("decode out/b.lic one.png");
    let output = run.ok("decode out -o back --json");
    assert_eq!(listed(&run, "back"), ["a.png", "b.png", "c.png"]);
    let alone = fs::read(run.path("one.png")).unwrap();
    assert!(fs::read(run.path("back/b.png")).unwrap() == alone);
    let told = lines(&output.stdout);
    assert_eq!(told.len(), 3);
    assert_eq!(told[1]["type"], "decode");
    assert_eq!(
        (&told[1]["width"], &told[1]["height"]),
        (&96.into(), &64.into())
    );
    let length = fs::metadata(run.path("out/b.lic")).unwrap().len();
    assert_eq!(told[1]["bytes"], length);

    run.ok("decode out/*.lic -o small --format ppm --scale 1/2");
    assert_eq!(listed(&run, "small"), ["a.ppm", "b.ppm", "c.ppm"]);
    assert_eq!(open(&run.path("small/b.ppm")).width(), 48);
}

#[test]
fn what_is_there_is_skipped_unless_it_is_to_be_replaced() {
    let run = three();
    fs::create_dir(run.path("out")).unwrap();
    fs::write(run.path("out/b.lic"), "mine").unwrap();
    let words = text(&run.ok("encode in -o out").stderr);
    assert!(words.contains("out/b.lic is there; --overwrite"), "{words}");
    assert!(words.contains("3 files: 2 done, 1 skipped"), "{words}");
    assert_eq!(fs::read(run.path("out/b.lic")).unwrap(), b"mine");
    let output = run.ok("encode in/b.png -o out --overwrite");
    assert!(text(&output.stderr).contains("1 file: 1 done"));
    run.ok("decode out/b.lic b.png");
    let output = run.ok("encode in -o out --json");
    assert!(
        lines(&output.stdout)
            .iter()
            .all(|line| line["type"] == "skipped")
    );
}

#[test]
fn a_dry_run_leaves_nothing() {
    let run = three();
    fs::write(run.path("in/bad.png"), "no picture").unwrap();
    let (code, words) = ended(&run, "encode in -o out --dry-run");
    assert_eq!(code, 1, "{words}");
    for part in [
        "64x48 -> out/a.lic",
        "failed: not a PNG",
        "4 files: 3 would be written, 1 failed",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert_eq!(run.files(), ["in", "in.png"]);
    assert_eq!(listed(&run, "in").len(), 4);
    // What it said would be done is what is done.
    run.run("encode in -o out");
    assert_eq!(listed(&run, "out"), ["a.lic", "b.lic", "c.lic"]);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let run = three();
    let whole = fs::read(run.path("in/b.png")).unwrap();
    // The header is there, the samples are not.
    fs::write(run.path("in/b.png"), &whole[..whole.len() / 2]).unwrap();
    let line = "encode in/a.png in/b.png gone.png in/c.ppm -o out --json";
    let output = run.run(line);
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert_eq!(listed(&run, "out"), ["a.lic", "c.lic"]);
    let failed: Vec<&str> = words.lines().filter(|l| l.contains(" failed: ")).collect();
    assert!(
        failed[0].starts_with("in/b.png ") && failed[1].starts_with("gone.png "),
        "{words}"
    );
    assert!(words.contains("4 files: 2 done, 2 failed"), "{words}");
    let types: Vec<serde_json::Value> = lines(&output.stdout)
        .into_iter()
        .map(|mut l| l["type"].take())
        .collect();
    assert_eq!(types, ["encode", "failed", "failed", "encode"]);
    // Errors are said even if nothing else is.
    let (code, words) = ended(&run, "encode in -o quiet --quiet");
    assert!(code == 1 && words.starts_with("lic: in/b.png: "), "{words}");
    assert_eq!(words.lines().count(), 1, "{words}");

    fs::write(
        run.path("out/b.lic"),
        "GIF89a, and more than a header's worth of bytes",
    )
    .unwrap();
    let mut damaged = fs::read(run.path("out/c.lic")).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(run.path("out/c.lic"), damaged).unwrap();
    let (code, words) = ended(&run, "decode out -o back");
    assert!(
        code == 1 && words.contains("magic") && words.contains("checksum"),
        "{words}"
    );
    assert_eq!(listed(&run, "back"), ["a.png"]);
    // What was in a file's last stream can be filled in if its first is there.
    run.ok("encode in/c.ppm -o out --overwrite --progressive");
    let mut damaged = fs::read(run.path("out/c.lic")).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(run.path("out/c.lic"), damaged).unwrap();
    let (code, words) = ended(&run, "decode out/a.lic out/c.lic -o filled --conceal");
    assert!(code == 3 && words.contains(" of 5 sections"), "{words}");
    assert_eq!(listed(&run, "filled"), ["a.png", "c.png"]);
}

#[test]
fn orders_that_would_lose_a_file_are_refused_before_anything_is_done() {
    let run = three();
    fs::copy(run.path("in/a.png"), run.path("a.png")).unwrap();
    fs::copy(run.path("in/a.png"), run.path("x.lic")).unwrap();
    fs::write(run.path("file"), "").unwrap();
    for (line, expected) in [
        (
            "encode in/b.png in/a.png a.png -o out",
            "in/a.png and a.png would both become out/a.lic",
        ),
        ("encode in in/c.ppm -o out", "would both become out/c.lic"),
        ("encode x.lic -o . --overwrite", "is to be read"),
        ("encode in -o file", "wants a folder"),
        ("encode in out.lic", "lic encode in -o DIR"),
        ("encode a.png in", "-o DIR"),
    ] {
        let words = run.fails(line);
        assert!(words.contains(expected), "{line}: {words}");
    }
    assert_eq!(run.files(), ["a.png", "file", "in", "in.png", "x.lic"]);
    for (line, expected) in [
        ("encode a.png -o out.lic", "lic encode IN out.lic"),
        ("encode a.png file x.lic", "-o DIR"),
        ("encode - -o out", "lic encode - -"),
        ("decode x.lic", "-o DIR"),
    ] {
        let (code, words) = ended(&run, line);
        assert!(code == 2 && words.contains(expected), "{line}: {words}");
        assert!(words.contains("<IN>... -o <DIR>"), "{words}");
    }
    let (code, words) = ended(&run, "encode none*.png -o out");
    assert!(code == 1 && words.contains("no file matches"), "{words}");
    assert!(!run.path("out").exists());
}

#[test]
fn flags_for_groups_and_streams_reach_the_codec() {
    let run = Run::new();
    run.ok("encode in.png joined.lic -q 10");
    run.ok("encode in.png apart.lic -q 10 --progressive");
    let sections = |file: &str| {
        let json = text(&run.ok(&format!("info {file} --json")).stdout);
        let info: serde_json::Value = serde_json::from_str(&json).unwrap();
        info["section_bytes"].as_array().unwrap().len()
    };
    assert_eq!(sections("joined.lic"), 1);
    let streams = sections("apart.lic");
    assert!(streams > 1);
    run.ok(&format!("decode apart.lic a.png --max-streams {streams}"));
    let words = run.fails(&format!(
        "decode apart.lic b.png --max-streams {}",
        streams - 1
    ));
    assert!(words.contains("streams"), "{words}");
}

#[test]
fn clips_go_among_pictures() {
    let run = three();
    let frames = pan(3, [64, 48], 2);
    fs::write(run.path("in/d.y4m"), y4m(&frames, Sampling::Yuv444)).unwrap();
    fs::write(run.path("in/bad.y4m"), "YUV4MPEG2 W0 H8\n").unwrap();
    let output = run.run("encode in -o out --json -q 30");
    assert_eq!(output.status.code(), Some(1), "the bad one");
    assert_eq!(listed(&run, "out"), ["a.lic", "b.lic", "c.lic", "d.lic"]);
    let told = lines(&output.stdout);
    assert_eq!(told[2]["type"], "failed", "{told:?}");
    let clip = told.iter().find(|line| line["type"] == "encode_clip");
    assert_eq!(clip.unwrap()["frames"], 3);
    assert!(text(&output.stderr).contains("64x48x3"));
    run.ok("encode in/d.y4m alone.lic -q 30");
    let read = |name: &str| fs::read(run.path(name)).unwrap();
    assert_eq!(read("out/d.lic"), read("alone.lic"));

    let told = lines(&run.ok("decode out -o back --json").stdout);
    assert_eq!(listed(&run, "back"), ["a.png", "b.png", "c.png", "d.y4m"]);
    assert_eq!(told[3]["frames"], 3);
    run.ok("decode alone.lic alone.y4m");
    assert_eq!(read("back/d.y4m"), read("alone.y4m"));

    let (code, words) = ended(&run, "encode in/a.png -o rate --bitrate 9000");
    assert_eq!(code, 1);
    assert!(words.contains("this is a picture"), "{words}");
}

/// Nobody writes to the pipe: who opens it waits for ever.
#[cfg(unix)]
#[test]
fn a_pipe_among_many_is_refused_unopened() {
    let run = three();
    let made = std::process::Command::new("mkfifo")
        .arg(run.path("in/pipe.lic"))
        .status();
    assert!(made.unwrap().success());
    for command in ["encode", "decode"] {
        let (code, words) = ended(&run, &format!("{command} in/pipe.lic -o out"));
        assert_eq!(code, 1);
        assert!(words.contains("not a regular file"), "{words}");
    }
}
