//! `lic info`.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use lic_codec::bitstream::VERSION;
use lic_codec::{Channels, Coder, DecodeError, Decoder, Header, Limits, Model, Null};
use lic_models::MODELS;

use crate::args::Info;
use crate::io::{self, input_name};
use crate::report::{About, Line, ModelName, bpp, grouped, print, print_json};

/// Says what is in a file.
pub fn run(args: &Info) -> Result<()> {
    args.machine.set_threads()?;
    let bytes = io::read_all(&args.file, Limits::default().max_file_bytes)?;
    let name = input_name(&args.file);
    let mut about = about(&name, &bytes).with_context(|| name.clone())?;
    if args.symbols {
        let zoo = args.machine.zoo()?;
        let digest = Decoder::new(&bytes[..]).symbols_digest(&zoo);
        about.symbols_sha256 = Some(hex(&digest.with_context(|| name.clone())?));
    }
    match &about.symbols_sha256 {
        _ if args.json => print_json(&Line::Info(&about)),
        Some(digest) => print(digest),
        None => print(&text(&about)),
    }
}

/// Reads and checks a file as far as that goes without its model.
fn about(name: &str, bytes: &[u8]) -> Result<About, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let header = decoder.read_header()?.clone();
    let section_bytes = decoder.section_bytes()?;
    let length = bytes.len() as u64;
    Ok(About {
        file: name.to_owned(),
        bytes: length,
        version: VERSION,
        model: model_of(&header),
        channels: match header.channels {
            Channels::Grey => "grey",
            Channels::Rgb => "rgb",
        },
        coder: match header.coder {
            Coder::Ans => "ans",
            Coder::Range => "range",
        },
        quality: header.quality.get(),
        width: header.width,
        height: header.height,
        bpp: bpp(length, header.width, header.height),
        section_bytes,
        symbols_sha256: None,
    })
}

fn model_of(header: &Header) -> ModelName {
    let (id, digest) = (header.model, header.digest);
    let shipped = MODELS
        .iter()
        .find(|row| row.id == id && row.weights.digest() == digest);
    let null = (id == Null.id() && digest == Null.digest()).then(|| Null.key());
    ModelName {
        id: id.0,
        digest: digest.to_string(),
        key: shipped.map(|row| row.key).or(null).map(str::to_owned),
    }
}

fn text(about: &About) -> String {
    let model = &about.model;
    let key = model.key.as_deref();
    let key = key.unwrap_or("unknown to this program");
    let lines = [
        ("file", about.file.clone()),
        ("size", format!("{} bytes", grouped(about.bytes))),
        ("version", about.version.to_string()),
        (
            "model",
            format!("{key} (id {}, weights {})", model.id, model.digest),
        ),
        (
            "picture",
            format!("{}x{} {}", about.width, about.height, about.channels),
        ),
        ("quality", about.quality.to_string()),
        ("rate", format!("{:.4} bpp", about.bpp)),
        ("coder", about.coder.to_owned()),
        ("sections", sections(about)),
    ];
    let lines = lines.map(|(what, value)| format!("{what:<9} {value}"));
    lines.join("\n")
}

/// The bytes of each section, and what the container adds.
fn sections(about: &About) -> String {
    let sum: u64 = about.section_bytes.iter().sum();
    let rows = about.section_bytes.iter().map(|&b| grouped(b));
    let rows: Vec<String> = rows.collect();
    let container = about.bytes.saturating_sub(sum);
    format!("{} bytes; container {container}", rows.join(" + "))
}

fn hex(digest: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lic_codec::{EncodeOptions, Image, ModelId, encode};

    #[test]
    fn says_what_was_encoded() {
        let image = Image::new(40, 30, Channels::Grey, vec![9; 1200]).unwrap();
        let mut file = Vec::new();
        encode(&image, &Null, &EncodeOptions::default(), &mut file).unwrap();
        let about = about("a.lic", &file).unwrap();
        assert_eq!(about.model.key.as_deref(), Some("null"));
        assert_eq!((about.width, about.height, about.quality), (40, 30, 50));
        assert_eq!(about.channels, "grey");
        let text = text(&about);
        assert!(text.contains("null (id 0, weights 00000000)"), "{text}");
        assert!(text.contains("40x30 grey"), "{text}");

        // Another model: the file is sound, and this program cannot name it.
        let mut header = Header::read(&mut &file[..]).unwrap();
        let sections = file.split_off(header.to_bytes().len());
        header.model = ModelId(99);
        let foreign = [header.to_bytes(), sections].concat();
        let about = super::about("b.lic", &foreign).unwrap();
        assert_eq!(about.model.key, None);
        let text = super::text(&about);
        assert!(text.contains("unknown to this program (id 99,"), "{text}");
        assert!(super::about("b.lic", &foreign[..foreign.len() - 1]).is_err());
    }

    #[test]
    fn bytes_are_printed_in_hex() {
        assert_eq!(hex(&[0, 0xab, 0xff]), "00abff");
    }
}
