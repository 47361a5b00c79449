//! Fixed evaluation crops from the pictures held aside.

use crate::crops::{CropError, check_fit, window};
use crate::folder::Picture;

/// Where a crop lies in the room that the picture leaves it, in quarters: the
/// centre first, then the places around it.
const PLACES: [(u32, u32); 9] = [
    (2, 2),
    (1, 1),
    (3, 3),
    (3, 1),
    (1, 3),
    (2, 1),
    (2, 3),
    (1, 2),
    (3, 2),
];

/// How many different crops [`fixed_crops`] takes from one picture.
pub const MAX_CROPS_PER_PICTURE: usize = PLACES.len();

/// `n` crops of `size` x `size`, RGB interleaved, one after the other; the same
/// on every call. The first round takes the centre of each picture in turn, the
/// next rounds places a quarter of the free room off it. Nothing is scaled or
/// turned.
///
/// # Errors
/// If there are no pictures, if one is smaller than the crop (the message names
/// them), if `size` is 0, or if `n` is above [`MAX_CROPS_PER_PICTURE`] times the
/// number of pictures.
pub fn fixed_crops(pictures: &[Picture], size: u32, n: usize) -> Result<Vec<u8>, CropError> {
    check_fit(pictures, size)?;
    let limit = pictures.len().saturating_mul(MAX_CROPS_PER_PICTURE);
    if n > limit {
        return Err(CropError::TooManyCrops {
            asked: n,
            pictures: pictures.len(),
            limit,
        });
    }
    let mut crops = Vec::new();
    let rounds = PLACES
        .iter()
        .flat_map(|place| pictures.iter().map(move |p| (place, p)));
    for (&(across, down), picture) in rounds.take(n) {
        let room_x = u64::from(picture.pixels.width() - size);
        let room_y = u64::from(picture.pixels.height() - size);
        let x = (room_x * u64::from(across) / 4) as u32;
        let y = (room_y * u64::from(down) / 4) as u32;
        crops.extend(window(&picture.pixels, x, y, size));
    }
    Ok(crops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn picture(blue: u8) -> Picture {
        Picture {
            name: format!("p{blue}"),
            pixels: RgbImage::from_fn(40, 60, |x, y| Rgb([x as u8, y as u8, blue])),
        }
    }

    #[test]
    fn centres_come_first_and_no_two_crops_are_equal() {
        let pictures = [picture(0), picture(1)];
        let crops = fixed_crops(&pictures, 20, 18).unwrap();
        let all: Vec<&[u8]> = crops.chunks_exact(20 * 20 * 3).collect();
        assert_eq!(all.len(), 18);
        assert_eq!(all[0][..3], [10, 20, 0]);
        assert_eq!(all[1][..3], [10, 20, 1]);
        assert_eq!(all[2][..3], [5, 10, 0]);
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn errors_say_the_limit() {
        let one = [picture(0)];
        let error = fixed_crops(&one, 20, 10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "10 crops asked for; the limit is 9 for this number of pictures (1)"
        );
        assert_eq!(fixed_crops(&[], 20, 1), Err(CropError::NoPictures));
        assert!(fixed_crops(&one, 41, 1).is_err());
        assert_eq!(fixed_crops(&one, 40, 1).unwrap().len(), 40 * 40 * 3);
    }
}
