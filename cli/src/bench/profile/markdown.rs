//! A profile as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use lic_models::profile::Numbers;

use super::{Account, Once, Part, Profile, SIZE, TILE, Whole, instructions};
use crate::bench::cpu;
use crate::report::grouped;

/// In the order of the tables; what is not here comes last.
const GROUPS: [(&str, &str); 8] = [
    ("g_a", "analysis"),
    ("h_a", "hyper-analysis"),
    ("shapes", "integer networks of the scales"),
    ("means", "float networks of the means"),
    ("coding", "between networks and symbols"),
    ("g_s", "synthesis"),
    ("codec", "format, entropy coder, pixels"),
    ("rest", "what no part owns"),
];

/// All of it, without a line break at its end.
pub fn text(profile: &Profile) -> String {
    let mut text = String::new();
    head(&mut text, profile);
    for (name, account) in [("Decode", &profile.decode), ("Encode", &profile.encode)] {
        direction(&mut text, name, account, profile);
    }
    wholes(&mut text, profile);
    once(&mut text, profile);
    text.trim_end().to_owned()
}

fn head(text: &mut String, profile: &Profile) {
    let (width, height) = SIZE;
    let rates = &profile.rates;
    let macs = |numbers| rates.macs(numbers) / 1e9;
    let _ = write!(
        text,
        "# Where the time goes\n\n\
         Written by a command, not by hand:\n\n\
         ```sh\n{}\n```\n\n\
         lic {}, model {}, quality {}; {}, {}. A picture of {width}x{height} pixels, a mosaic, \
         {} bytes ({:.3} bpp); in one tile on one thread, the fastest of several runs, from \
         samples to the bytes of the file and back.\n\n\
         Every row names its multiply-accumulates and the bytes of activations, pixels or \
         symbols that it reads and writes, each counted once. Its *floor* is the longer of two \
         times: of the operations at the speed of this code's fastest products, all operands \
         in the first-level cache, and of the bytes at that of a copy within the second-level \
         cache. *Reached* is the floor over the time. Measured here, on one core:\n\n\
         | | f32 | bfloat16 | u8 by i8 | copy |\n| --- | --- | --- | --- | --- |\n\
         | | {:.0} GMAC/s | {:.0} GMAC/s | {:.0} GMAC/s | {:.0} GB/s |\n\n",
        profile.command,
        env!("CARGO_PKG_VERSION"),
        profile.model,
        profile.quality,
        cpu(),
        instructions(),
        grouped(profile.file_bytes as u64),
        8.0 * profile.file_bytes as f64 / profile.pixels,
        macs(Numbers::Single),
        macs(Numbers::Bf16),
        macs(Numbers::Bytes),
        rates.copy / 1e9,
    );
}

fn direction(text: &mut String, name: &str, account: &Account, profile: &Profile) {
    let nanoseconds = per_pixel(account.total, profile);
    let _ = write!(
        text,
        "## {name}: {nanoseconds:.1} ns a pixel, {:.2} MP/s\n\n\
         | part | ns/px | share | MAC/px | bytes/px | floor ns/px | reached |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        1e3 / nanoseconds
    );
    for (group, about) in GROUPS {
        let parts: Vec<&Part> = account.parts.iter().filter(|p| p.of == group).collect();
        if parts.is_empty() {
            continue;
        }
        let sum = Sum::of(&parts, profile);
        line(
            text,
            &format!("**{group}**, {about}"),
            &sum,
            account,
            profile,
        );
        for part in parts {
            line(
                text,
                &format!("· {}", part.what),
                &Sum::of(&[part], profile),
                account,
                profile,
            );
        }
    }
    let all: Vec<&Part> = account.parts.iter().collect();
    line(text, "**all**", &Sum::of(&all, profile), account, profile);
    let coder = account
        .parts
        .iter()
        .find(|part| part.what == "entropy coder");
    if let Some(coder) = coder {
        let each = coder.time.as_secs_f64() * 1e9 / account.symbols.max(1) as f64;
        let _ = write!(
            text,
            "\nThe entropy coder takes {each:.1} ns for each of {:.2} symbols a pixel. It has no \
             floor in operations: every symbol waits for the one before.\n",
            account.symbols as f64 / profile.pixels
        );
    }
    text.push('\n');
}

/// Parts together.
struct Sum {
    time: Duration,
    macs: u64,
    bytes: u64,
    /// Of the parts that have one, and the time of those.
    floor: Duration,
    floored: Duration,
}

impl Sum {
    fn of(parts: &[&Part], profile: &Profile) -> Self {
        let floors = parts
            .iter()
            .filter_map(|part| Some((part.floor(&profile.rates)?, part.time)));
        let (floor, floored): (Vec<Duration>, Vec<Duration>) = floors.unzip();
        Self {
            time: parts.iter().map(|part| part.time).sum(),
            macs: parts.iter().map(|part| part.macs).sum(),
            bytes: parts.iter().map(|part| part.bytes).sum(),
            floor: floor.iter().sum(),
            floored: floored.iter().sum(),
        }
    }
}

fn line(text: &mut String, name: &str, sum: &Sum, account: &Account, profile: &Profile) {
    let share = 100.0 * sum.time.as_secs_f64() / account.total.as_secs_f64();
    let count = |n: u64| match n {
        0 => String::new(),
        n => format!("{:.0}", n as f64 / profile.pixels),
    };
    let (floor, reached) = if sum.floor > Duration::ZERO {
        let reached = 100.0 * sum.floor.as_secs_f64() / sum.floored.as_secs_f64();
        (
            format!("{:.2}", per_pixel(sum.floor, profile)),
            format!("{reached:.0} %"),
        )
    } else {
        (String::new(), String::new())
    };
    let _ = writeln!(
        text,
        "| {name} | {:.2} | {share:.1} % | {} | {} | {floor} | {reached} |",
        per_pixel(sum.time, profile),
        count(sum.macs),
        count(sum.bytes),
    );
}

fn per_pixel(time: Duration, profile: &Profile) -> f64 {
    time.as_secs_f64() * 1e9 / profile.pixels
}

fn wholes(text: &mut String, profile: &Profile) {
    text.push_str(
        "## Tiles and threads\n\n\
         The same picture, nothing watched. Tiles see a margin of their neighbours, which is \
         computed more than once.\n\n\
         | threads | tiles | encode MP/s | decode MP/s |\n| ---: | --- | ---: | ---: |\n",
    );
    for Whole {
        threads,
        tile,
        times,
    } in &profile.wholes
    {
        let tiles = if *tile == TILE {
            "one".to_owned()
        } else {
            format!("of at most {tile} pixels")
        };
        let [encode, decode] = times.map(|time| 1e3 / per_pixel(time, profile));
        let _ = writeln!(text, "| {threads} | {tiles} | {encode:.2} | {decode:.2} |");
    }
    text.push('\n');
}

fn once(text: &mut String, profile: &Profile) {
    let Once {
        weights,
        weight_bytes,
        tables,
        files,
    } = &profile.once;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let floor = *weight_bytes as f64 * 2.0 / profile.rates.copy * 1e3;
    let _ = write!(
        text,
        "## Once a run\n\n\
         | what | ms | bytes | floor ms |\n| --- | ---: | ---: | ---: |\n\
         | weights: read, widened, packed | {:.1} | {} | {floor:.1} |\n\
         | tables of the scales | {:.2} | | |\n",
        ms(*weights),
        grouped(*weight_bytes as u64),
        ms(*tables),
    );
    for (format, read, wrote, bytes) in files {
        let floor = (*bytes + 3 * profile.pixels as u64) as f64 / profile.rates.copy * 1e3;
        for (verb, time) in [("read", read), ("write", wrote)] {
            let _ = writeln!(
                text,
                "| {verb} the picture as {} | {:.1} | {} | {floor:.1} |",
                format.to_uppercase(),
                ms(*time),
                grouped(*bytes),
            );
        }
    }
}
