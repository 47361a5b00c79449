//! What `lic bench --speed` prints.

use super::{Row, Speeds};

/// All of it.
pub fn text(speeds: &Speeds) -> String {
    let Speeds {
        program,
        cpu,
        device,
        model,
        quality,
        start_up,
        ..
    } = speeds;
    let mut text = format!(
        "{program}, model {model}, quality {quality}, networks on {device}; {cpu}\n\n\
         {:34}in memory         whole program     peak memory\n\
         {:>11} {:>7} {:>7}   {:>8} {:>8}  {:>8} {:>8}  {:>8} {:>8}\n",
        "", "pixels", "threads", "bpp", "encode", "decode", "encode", "decode", "encode", "decode"
    );
    for row in &speeds.sizes {
        text.push_str(&line(row));
    }
    text.push_str(&ratios(&speeds.sizes));
    text.push_str(&format!(
        "Start-up: lic info {:.1} ms, lic decode of 64x64 pixels {:.1} ms",
        start_up.info_ms, start_up.decode_ms
    ));
    text
}

fn line(row: &Row) -> String {
    let memory = |bytes: u64| format!("{} MB", bytes / 1_000_000);
    format!(
        "{:>11} {:>7} {:>7.3}   {:>8.2} {:>8.2}  {:>8.2} {:>8.2}  {:>8} {:>8}\n",
        format!("{}x{}", row.width, row.height),
        row.threads,
        row.bpp,
        row.encode_mps,
        row.decode_mps,
        row.encode_program_mps,
        row.decode_program_mps,
        memory(row.encode_peak_bytes),
        memory(row.decode_peak_bytes)
    )
}

/// How speed follows threads and size.
fn ratios(rows: &[Row]) -> String {
    let mut text =
        "MP/s in memory: best run; whole program: with start and files, PPM\n".to_owned();
    let of = |row: &Row| [row.encode_mps, row.decode_mps];
    let mut say = |what: String, [a, b]: [&Row; 2]| {
        let [encode, decode] = [0, 1].map(|i| of(a)[i] / of(b)[i]);
        text.push_str(&format!(
            "{what}: encode {encode:.2}, decode {decode:.2} times\n"
        ));
    };
    for row in rows.iter().filter(|row| row.threads > 1) {
        let size = (row.width, row.height);
        let alone = |r: &&Row| r.threads == 1 && (r.width, r.height) == size;
        if let Some(alone) = rows.iter().find(alone) {
            let (width, height) = size;
            let what = format!("{width}x{height}, {} threads over one", row.threads);
            say(what, [row, alone]);
        }
    }
    let most = rows.iter().map(|row| row.threads).max();
    let full: Vec<&Row> = rows
        .iter()
        .filter(|row| Some(row.threads) == most)
        .collect();
    if let [_, small, .., large] = full[..] {
        let name = |row: &Row| format!("{}x{}", row.width, row.height);
        say(
            format!("{} over {}", name(large), name(small)),
            [large, small],
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::StartUp;
    use super::*;

    #[test]
    fn rows_and_ratios_are_printed() {
        let row = Row {
            width: 8,
            height: 4,
            threads: 1,
            bpp: 0.5,
            encode_mps: 2.0,
            decode_mps: 3.0,
            encode_program_mps: 1.0,
            decode_program_mps: 1.5,
            encode_peak_bytes: 123_456_789,
            decode_peak_bytes: 98_765_432,
        };
        let two = Row {
            threads: 2,
            encode_mps: 3.9,
            decode_mps: 5.7,
            ..row.clone()
        };
        let speeds = Speeds {
            program: "lic 1".to_owned(),
            cpu: "a processor".to_owned(),
            device: "cpu",
            model: "mse 00000000".to_owned(),
            quality: 50.0,
            sizes: vec![row, two],
            start_up: StartUp {
                info_ms: 4.25,
                decode_ms: 30.0,
            },
        };
        let text = text(&speeds);
        assert!(
            text.contains("2.00     3.00      1.00     1.50    123 MB    98 MB\n"),
            "{text}"
        );
        assert!(
            text.contains("8x4, 2 threads over one: encode 1.95, decode 1.90 times"),
            "{text}"
        );
        assert!(
            text.ends_with("lic info 4.2 ms, lic decode of 64x64 pixels 30.0 ms"),
            "{text}"
        );
    }
}
