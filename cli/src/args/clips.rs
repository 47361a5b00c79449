//! What can be typed about clips.

use clap::Args;
use lic_codec::clip::MOST_BETWEEN;
use lic_datasets::video::Matrix;

/// Frames by their numbers.
pub type FrameRange = std::ops::Range<u64>;

/// What is asked of a video.
#[derive(Debug, Args)]
#[command(next_help_heading = "Videos")]
pub struct Clips {
    /// The most frames from a frame that can be decoded alone to the next; 0: any
    /// number, 1: all of them can [default: 32]
    #[arg(long, value_name = "N")]
    pub gop: Option<u32>,
    /// The most frames between two that are made from both of these; so many wait before one
    /// is written, so 0 is for what is live [default: 7, at most 15]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=i64::from(MOST_BETWEEN)))]
    pub b_frames: Option<u8>,
    /// Begin no such frame by itself where the scene changes
    #[arg(long)]
    pub no_scene_cuts: bool,
    /// Frames a second, a number or a ratio such as 30000/1001 [default: what the input
    /// says; 25 for numbered pictures]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub fps: Option<(u32, u32)>,
    /// How chroma of the input was made, where it does not say [default: bt709 from 720
    /// rows on, bt601 below]
    #[arg(long, value_name = "bt601|bt709|bt2020", value_parser = matrix)]
    pub matrix: Option<Matrix>,
}

fn rate(text: &str) -> Result<(u32, u32), String> {
    let (above, below) = text.split_once(['/', ':']).unwrap_or((text, "1"));
    let ratio = above.trim().parse().ok().zip(below.trim().parse().ok());
    let ratio = ratio.or_else(|| {
        // 29.97 and the like: thousandths.
        let number: f64 = text.trim().parse().ok()?;
        let thousands = (number * 1000.0).round();
        (1.0..=1e9)
            .contains(&thousands)
            .then_some((thousands as u32, 1000))
    });
    let ratio = ratio.filter(|&(above, below)| above > 0 && below > 0);
    ratio.ok_or_else(|| "a rate is a number above 0 or a ratio such as 30000/1001".to_owned())
}

fn matrix(text: &str) -> Result<Matrix, String> {
    match text {
        "bt601" => Ok(Matrix::Bt601),
        "bt709" => Ok(Matrix::Bt709),
        "bt2020" => Ok(Matrix::Bt2020),
        _ => Err("there are bt601, bt709 and bt2020".to_owned()),
    }
}

/// Bits a second.
pub(super) fn bitrate(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => text
            .strip_suffix('M')
            .map_or((text, 1.0), |number| (number, 1e6)),
    };
    let words = "a bitrate is a number of bits a second, such as 400k or 1.5M";
    let number = super::positive(number).map_err(|_| words.to_owned())?;
    Ok(number * unit)
}

pub(super) fn frames(text: &str) -> Result<FrameRange, String> {
    let words = || "frames are A..B, with A below B, or A.. or ..B".to_owned();
    let (start, end) = text.split_once("..").ok_or_else(words)?;
    let number = |text: &str, or: u64| match text.trim() {
        "" => Ok(or),
        text => text.parse().map_err(|_| words()),
    };
    let range = number(start, 0)?..number(end, u64::MAX)?;
    if range.is_empty() || text.trim() == ".." {
        return Err(words());
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_ranges_are_read() {
        assert_eq!(rate("30000/1001"), Ok((30_000, 1001)));
        assert_eq!(rate("25"), Ok((25, 1)));
        assert_eq!(rate("29.97"), Ok((29_970, 1000)));
        assert!(rate("0").is_err() && rate("a/b").is_err() && rate("-3").is_err());
        assert_eq!(bitrate("400k"), Ok(400_000.0));
        assert_eq!(bitrate("1.5M"), Ok(1_500_000.0));
        assert_eq!(bitrate("90000"), Ok(90_000.0));
        assert!(bitrate("k").is_err() && bitrate("-1k").is_err());
        assert_eq!(frames("3..9"), Ok(3..9));
        assert_eq!(frames("3.."), Ok(3..u64::MAX));
        assert_eq!(frames("..9"), Ok(0..9));
        assert!(frames("9..9").is_err() && frames("..").is_err() && frames("x..3").is_err());
    }
}
