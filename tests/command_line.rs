//! The program from outside: what it prints, how it ends, what it leaves behind.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lic_codec::Index;
use tempfile::TempDir;

use crate::{crop, photograph, repository};

pub struct Run {
    home: TempDir,
}

impl Run {
    /// An empty folder with a small PNG, `in.png`, of 96x64.
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let picture = crop(&photograph(), [300, 200], [96, 64]);
        let kind = image::ExtendedColorType::Rgb8;
        image::save_buffer(
            home.path().join("in.png"),
            &picture.samples().eight(),
            96,
            64,
            kind,
        )
        .unwrap();
        Self { home }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lic"));
        command
            .current_dir(self.home.path())
            .args(line.split_whitespace());
        command
    }

    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    pub fn ok(&self, line: &str) -> Output {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        output
    }

    /// Fails with 1 and one line on standard error, which is returned.
    pub fn fails(&self, line: &str) -> String {
        let output = self.run(line);
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}: {words}");
        assert_eq!(words.trim_end().lines().count(), 1, "{line}: {words}");
        assert!(words.starts_with("lic: "), "{words}");
        assert!(output.stdout.is_empty(), "{line}");
        words
    }

    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.home.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn files_and_pipes_give_the_same() {
    let run = Run::new();
    run.ok("encode in.png out.lic -q 40");
    run.ok("decode out.lic back.png");
    let piped = |line: &str, input: &Path| {
        let mut child = run
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(&fs::read(input).unwrap())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}");
        output.stdout
    };
    assert!(
        piped("encode - - -q 40", &run.path("in.png")) == fs::read(run.path("out.lic")).unwrap()
    );
    let back = piped("decode - -", &run.path("out.lic"));
    assert!(back == fs::read(run.path("back.png")).unwrap());
    assert_eq!(run.files(), ["back.png", "in.png", "out.lic"]);
}

#[test]
fn info_tells_what_is_in_a_file() {
    let run = Run::new();
    run.ok("encode in.png out.lic -q 40");
    let info = text(&run.ok("info out.lic --json").stdout);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["width"], 96);
    assert_eq!(info["height"], 64);
    assert_eq!(info["quality"], 40.0);
    assert_eq!(info["model"]["key"], "mse");
    let one = text(&run.ok("info out.lic --symbols --threads 1").stdout);
    let two = text(&run.ok("info out.lic --symbols --threads 2").stdout);
    assert_eq!(one, two);
    assert_eq!(one.trim().len(), 64);
}

#[test]
fn json_goes_to_standard_output_alone() {
    let run = Run::new();
    let output = run.ok("encode in.png out.lic --target-psnr 34 --json");
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // Of so small a picture, a half step of quality is up to half a decibel.
    assert!(
        (line["psnr"].as_f64().unwrap() - 34.0).abs() < 0.25,
        "{line}"
    );
    assert_eq!(
        line["bytes"],
        fs::metadata(run.path("out.lic")).unwrap().len()
    );
    let models = text(&run.ok("models --json").stdout);
    assert!(
        models
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
}

#[test]
fn failures_are_one_line_and_leave_nothing() {
    let run = Run::new();
    fs::write(
        run.path("foreign.lic"),
        b"GIF89a, and more than a header's worth of bytes",
    )
    .unwrap();
    fs::write(run.path("empty"), b"").unwrap();
    run.ok("encode in.png good.lic");
    let mut damaged = fs::read(run.path("good.lic")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 4;
    fs::write(run.path("damaged.lic"), &damaged).unwrap();
    fs::write(run.path("short.lic"), &damaged[..middle]).unwrap();
    let before = run.files();

    for (line, expected) in [
        ("encode missing.png out.lic", "missing.png"),
        ("encode empty out.lic", "empty"),
        ("encode in.png no/such/out.lic", "no/such"),
        ("decode missing.lic out.png", "missing.lic"),
        ("decode foreign.lic out.png", "magic"),
        ("decode damaged.lic out.png", "checksum"),
        ("decode short.lic out.png", "ends within"),
        ("decode good.lic no/such/out.png", "no/such"),
        ("decode good.lic out.xyz", "xyz"),
        ("info foreign.lic", "magic"),
        ("bench missing", "missing"),
        ("train missing.toml", "missing.toml"),
    ] {
        let words = run.fails(line);
        assert!(words.contains(expected), "{line}: {words}");
    }
    assert_eq!(run.files(), before);
}

#[test]
fn a_file_of_unknown_weights_says_which() {
    let run = Run::new();
    run.ok("encode in.png out.lic");
    let mut file = fs::read(run.path("out.lic")).unwrap();
    let mut index = Index::read(&mut &file[..], |_| Ok(())).unwrap();
    let length = index.to_bytes().len();
    index.header.digest.0 = [0xab, 0xcd, 0xef, 0x01];
    file.splice(..length, index.to_bytes());
    fs::write(run.path("out.lic"), file).unwrap();
    assert!(run.fails("decode out.lic out.png").contains("abcdef01"));
}

/// /dev/full is a disk that is always full.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let run = Run::new();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = run
        .command("encode in.png -")
        .stdout(full)
        .output()
        .unwrap();
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("space"), "{words}");
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let run = Run::new();
    let mut child = run
        .command("encode in.png -")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn nonsense_is_exit_code_two() {
    let run = Run::new();
    for line in [
        "",
        "encode in.png",
        "encode in.png out.lic -q 0",
        "decode in out --threads 0",
    ] {
        assert_eq!(run.run(line).status.code(), Some(2), "{line}");
    }
}

/// The words of the README's recipes: they are shipped, so they must parse.
#[test]
fn shipped_recipes_parse() {
    let mut count = 0;
    let folders = ["models/recipes", "models/recipes/ablation"].map(repository);
    let entries = folders.map(|folder| fs::read_dir(folder).unwrap());
    for entry in entries.into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        // A recipe is of one kind or of the other.
        let temporal = lic_models::train::temporal::TemporalRecipe::open(&path).unwrap();
        if temporal.is_none() {
            lic_models::train::Recipe::open(&path).unwrap();
        }
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn limits_are_flags() {
    let run = Run::new();
    run.ok("encode in.png out.lic --tile 64");
    for (flag, words) in [
        (
            "--max-pixels 100",
            "the number of pixels is 6144, the limit is 100",
        ),
        ("--max-memory 1", "the memory to decode it"),
        (
            "--max-streams 3",
            "the number of streams is 10, the limit is 3",
        ),
    ] {
        let said = run.fails(&format!("decode out.lic back.png {flag}"));
        assert!(said.contains(words), "{flag}: {said}");
    }
    run.ok("decode out.lic back.png --max-streams 10 --max-pixels 6144");
}

#[test]
fn damage_is_told_by_the_exit_code() {
    let run = Run::new();
    run.ok("encode in.png out.lic --tile 64 -q 80");
    let mut file = fs::read(run.path("out.lic")).unwrap();
    let index = Index::read(&mut &file[..], |_| Ok(())).unwrap();
    let first = index.to_bytes().len() + 4;
    file[first + 3] ^= 1;
    fs::write(run.path("bad.lic"), &file).unwrap();
    let words = run.fails("decode bad.lic bad.png");
    assert!(words.contains("section 0 of tile 0"), "{words}");
    let output = run.run("decode bad.lic bad.png --conceal");
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("tile 0 with 0 of 5 sections"), "{words}");
    // A sound file is no damage, nor is one that has not arrived as a whole.
    run.ok("decode out.lic good.png --conceal");
    fs::write(run.path("cut.lic"), &file[..file.len() - 9]).unwrap();
    run.fails("decode cut.lic cut.png");
    let mut sound = fs::read(run.path("out.lic")).unwrap();
    sound.truncate(sound.len() - 9);
    fs::write(run.path("cut.lic"), sound).unwrap();
    run.ok("decode cut.lic cut.png --partial");
}
