//! Clips: golden files, the same symbols everywhere, and what prediction saves.

use std::fs;

use lic_codec::Channels;
use lic_models::{Backend, MODELS, Zoo};

use crate::clips::{clip_of, digest, pan, shown};
use crate::vectors::{golden, hex};
use crate::{ZOO, furthest, nearly_equal, repository};

/// Threads, backends, and a picture that an encoder and every decoder agree on.
#[test]
fn clips_have_the_same_symbols_everywhere() {
    let images = pan(4, [150, 100], 3);
    let flex = Zoo::on(Backend::Flex).unwrap();
    for row in MODELS {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap()
        };
        let file = on(1).install(|| clip_of(&images, row.key, 50, 0));
        let first = on(1).install(|| digest(&file, &ZOO));
        for threads in [2, 4] {
            assert!(on(threads).install(|| clip_of(&images, row.key, 50, 0)) == file);
            assert_eq!(on(threads).install(|| digest(&file, &ZOO)), first);
        }
        assert_eq!(digest(&file, &flex), first, "{}", row.key);
        let pairs = shown(&file, &ZOO).into_iter().zip(shown(&file, &flex));
        for (ours, theirs) in pairs {
            // Products of bfloat16 were seen to put samples of `ms-ssim` two levels off.
            let off = furthest(&ours, &theirs);
            assert!(nearly_equal(&ours, &theirs), "{}: {off}", row.key);
        }
    }
}

/// What follows costs less than what stands alone.
#[test]
fn predicted_frames_are_smaller() {
    for row in MODELS.iter().filter(|row| row.temporal.is_some()) {
        let images = pan(6, [192, 128], 3);
        let alone = clip_of(&images, row.key, 50, 1).len() as f64;
        let following = clip_of(&images, row.key, 50, 0).len() as f64;
        assert!(
            following < 0.75 * alone,
            "{}: {following} of {alone}",
            row.key
        );
        let still = vec![images[0].clone(); 10];
        let one = clip_of(&still[..1], row.key, 50, 0).len();
        assert!(clip_of(&still, row.key, 50, 0).len() < one + 200);
    }
}

const FOLDER: &str = "tests/vectors/v1/clips";

#[test]
fn golden_clips_decode_as_they_did() {
    let files = golden(FOLDER);
    // Of model 0, and of every model with a temporal prior.
    let priors = MODELS.iter().filter(|row| row.temporal.is_some()).count();
    assert!(files.len() >= 2 * (1 + priors));
    for path in files {
        let file = fs::read(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("symbols")).unwrap();
        assert_eq!(
            hex(digest(&file, &ZOO)),
            expected.trim(),
            "{}",
            path.display()
        );
        let last = shown(&file, &ZOO).pop().unwrap();
        let expected = crate::open(&path.with_extension("png"));
        let off = furthest(&last.into_channels(Channels::Rgb), &expected);
        assert!(off <= 1, "{}: {off}", path.display());
    }
}

/// Writes the golden clips of the present weights, see `vectors::regenerate`.
#[test]
#[ignore = "writes files"]
fn regenerate_clips() {
    let folder = repository(FOLDER);
    fs::create_dir_all(&folder).unwrap();
    for key in MODELS.iter().map(|row| row.key).chain(["null"]) {
        let size = if key == "null" { [40, 30] } else { [100, 70] };
        for (name, quality, gop) in [("pan-q60", 60, 0), ("pan-q30-gop2", 30, 2)] {
            let images = pan(4, size, 3);
            let file = clip_of(&images, key, quality, gop);
            let path = folder.join(format!("{key}-{name}.lic"));
            fs::write(
                path.with_extension("symbols"),
                hex(digest(&file, &ZOO)) + "\n",
            )
            .unwrap();
            let last = shown(&file, &ZOO).pop().unwrap();
            let kind = image::ExtendedColorType::Rgb8;
            let (width, height) = (last.width(), last.height());
            let png = path.with_extension("png");
            image::save_buffer(png, &last.samples().eight(), width, height, kind).unwrap();
            fs::write(path, file).unwrap();
        }
    }
}
