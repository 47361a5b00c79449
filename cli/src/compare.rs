//! `lic compare`.

use anyhow::{Context, Result};
use lic_codec::measure::{ms_ssim, ms_ssim_db, mse, psnr_of};
use lic_codec::{Channels, Image};

use crate::args::Compare;
use crate::metrics::Likeness;
use crate::report::{Comparison, Line, PlaneLikeness, print, print_json};
use crate::{io, picture};

/// Says how alike two pictures are.
pub fn run(args: &Compare) -> Result<()> {
    let original = picture::read(&args.original)?;
    let other = picture::read(&args.other)?;
    let names = [&args.original, &args.other].map(|path| io::input_name(path));
    let likeness = Likeness::of(&original, &other)
        .with_context(|| format!("cannot compare {} with {}", names[0], names[1]))?;
    let [original_name, other_name] = names;
    let comparison = Comparison {
        original: original_name,
        other: other_name,
        width: original.width(),
        height: original.height(),
        likeness,
        planes: planes(&original, &other),
    };
    if args.json {
        return print_json(&Line::Compare(&comparison));
    }
    print(&text(&comparison))
}

/// Of each plane of pictures that can be compared.
fn planes(original: &Image, other: &Image) -> Vec<PlaneLikeness> {
    let likeness = |name, a: Image, b: Image| {
        let mse = mse(&a, &b)?;
        Some(PlaneLikeness {
            plane: name,
            mse,
            psnr: psnr_of(mse),
            ms_ssim: ms_ssim(&a, &b),
        })
    };
    let luma = |image: &Image| image.clone().into_channels(Channels::Grey);
    let names = ["red", "green", "blue"].into_iter().enumerate();
    let mut found: Vec<PlaneLikeness> = Vec::new();
    if original.channels() == Channels::Rgb {
        let plane = |(i, name)| likeness(name, plane(original, i)?, plane(other, i)?);
        found.extend(names.filter_map(plane));
    }
    found.extend(likeness("luma", luma(original), luma(other)));
    found
}

/// One channel as a grey picture.
fn plane(image: &Image, channel: usize) -> Option<Image> {
    let all = image.samples().eight();
    let pixels = all.chunks_exact(image.channels().count());
    let samples: Vec<u8> = pixels.map(|pixel| pixel[channel]).collect();
    Image::new(image.width(), image.height(), Channels::Grey, samples).ok()
}

fn text(c: &Comparison) -> String {
    let Likeness {
        psnr,
        ms_ssim,
        ssimulacra2,
        ..
    } = c.likeness;
    let mut lines = vec![
        format!("PSNR         {}", decibels(psnr)),
        format!("MS-SSIM      {}", similarity(ms_ssim)),
        format!(
            "SSIMULACRA2  {}",
            ssimulacra2.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"))
        ),
    ];
    for plane in &c.planes {
        lines.push(format!(
            "  {:<6} PSNR {}, MS-SSIM {}",
            plane.plane,
            decibels(plane.psnr),
            similarity(plane.ms_ssim)
        ));
    }
    lines.join("\n")
}

fn decibels(db: f64) -> String {
    if db.is_finite() {
        format!("{db:.3} dB")
    } else {
        "infinite: no sample differs".to_owned()
    }
}

fn similarity(ms_ssim: Option<f64>) -> String {
    match ms_ssim {
        None => "- (the shorter side has to be longer than 160 pixels)".to_owned(),
        // Rounding may take equal pictures past 1, which has no decibels.
        Some(value) if ms_ssim_db(value).is_finite() => {
            format!("{value:.6} ({:.2} dB)", ms_ssim_db(value))
        }
        Some(value) => format!("{value:.6}"),
    }
}
