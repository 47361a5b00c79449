//! `lic info`.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use lic_codec::bitstream::VERSION;
use lic_codec::{
    Channels, Coder, DecodeError, Decoder, Depth, Digest, Limits, MetadataKind, Model, ModelId,
    Null, StreamName,
};
use lic_models::MODELS;

use crate::args::Info;
use crate::io::{self, input_name};
use crate::report::{About, Line, ModelName, bpp, grouped, print, print_json};
use crate::video;

/// Says what is in a file.
pub fn run(args: &Info) -> Result<()> {
    args.machine.set_threads()?;
    if video::is_lic_clip(&args.file)? {
        return video::info(args);
    }
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
    let index = decoder.check()?;
    let (mut section_bytes, mut extra_bytes) = (vec![0; header.sections], 0);
    for (name, &length) in index.names().zip(&index.lengths) {
        match name {
            StreamName::Section { section, .. } => section_bytes[section] += u64::from(length),
            _ => extra_bytes += u64::from(length),
        }
    }
    let grid = header.grid();
    let length = bytes.len() as u64;
    Ok(About {
        file: name.to_owned(),
        bytes: length,
        version: VERSION,
        model: model_name(header.model, header.digest),
        channels: match header.channels {
            Channels::Grey => "grey",
            Channels::Rgb => "rgb",
        },
        coder: match header.coder {
            Coder::Ans => "ans",
            Coder::Range => "range",
        },
        trellis: header.trellis,
        quality: header.quality.get(),
        width: header.width,
        height: header.height,
        bpp: bpp(length, header.width, header.height),
        section_bytes,
        extra_bytes,
        depth: match header.depth {
            Depth::Eight => 8,
            Depth::Sixteen => 16,
        },
        alpha: header.alpha,
        metadata: header.metadata.iter().map(|&kind| words_of(kind)).collect(),
        tile: grid.tile_size(),
        tiles: grid.count(),
        symbols_sha256: None,
    })
}

fn words_of(kind: MetadataKind) -> String {
    match kind {
        MetadataKind::Icc => "icc".to_owned(),
        MetadataKind::Exif => "exif".to_owned(),
        MetadataKind::Xmp => "xmp".to_owned(),
        MetadataKind::Filters => "filters".to_owned(),
        other => other.number().to_string(),
    }
}

/// A model as files name it.
pub fn model_name(id: ModelId, digest: Digest) -> ModelName {
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
        ("picture", picture(about)),
        ("quality", about.quality.to_string()),
        ("rate", format!("{:.4} bpp", about.bpp)),
        ("coder", coder(about)),
        ("sections", sections(about)),
    ];
    let lines = lines.map(|(what, value)| format!("{what:<9} {value}"));
    lines.join("\n")
}

fn coder(about: &About) -> String {
    match about.trellis {
        true => format!("{}, symbols on a trellis", about.coder),
        false => about.coder.to_owned(),
    }
}

fn picture(about: &About) -> String {
    let mut text = format!("{}x{} {}", about.width, about.height, about.channels);
    if about.alpha {
        text += " with alpha";
    }
    if about.depth != 8 {
        let _ = write!(text, ", {} bits", about.depth);
    }
    if about.tiles > 1 {
        let (width, height) = about.tile;
        let _ = write!(text, ", {} tiles of {width}x{height}", about.tiles);
    }
    if !about.metadata.is_empty() {
        let _ = write!(text, ", {}", about.metadata.join(", "));
    }
    text
}

/// The bytes of each section, and what the container adds.
fn sections(about: &About) -> String {
    let sum: u64 = about.section_bytes.iter().sum();
    let rows = about.section_bytes.iter().map(|&b| grouped(b));
    let rows: Vec<String> = rows.collect();
    let container = about.bytes.saturating_sub(sum + about.extra_bytes);
    let mut text = rows.join(" + ") + " bytes";
    if about.extra_bytes > 0 {
        let _ = write!(
            text,
            "; alpha, metadata and filters {}",
            grouped(about.extra_bytes)
        );
    }
    text + &format!("; container {container}")
}

/// Bytes in hex.
pub fn hex(digest: &[u8]) -> String {
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
    use lic_codec::{EncodeOptions, Image, Index, ModelId, encode};

    #[test]
    fn says_what_was_encoded() {
        let image = Image::new(40, 30, Channels::Grey, vec![9u8; 1200]).unwrap();
        let mut file = Vec::new();
        encode(&image, &Null, &EncodeOptions::default(), &mut file).unwrap();
        let about = about("a.lic", &file).unwrap();
        assert_eq!(about.model.key.as_deref(), Some("null"));
        assert_eq!((about.width, about.height, about.quality), (40, 30, 50.0));
        assert_eq!(about.channels, "grey");
        let text = text(&about);
        assert!(text.contains("null (id 0, weights 00000000)"), "{text}");
        assert!(text.contains("40x30 grey"), "{text}");

        // Another model: the file is sound, and this program cannot name it.
        let mut index = Index::read(&mut &file[..], |_| Ok(())).unwrap();
        let streams = file.split_off(index.to_bytes().len());
        index.header.model = ModelId(99);
        let foreign = [index.to_bytes(), streams].concat();
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
