//! Clips: the program from outside.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

use lic_codec::clip::{ClipHeader, ClipOptions, FrameKind};
use lic_codec::measure::psnr;
use lic_codec::{Channels, ClipDecoder, ClipEncoder, Effort, Image, Quality};
use lic_datasets::video::{Matrix, Sampling, VideoFormat, VideoReader, Y4mReader, Y4mWriter};
use lic_models::Zoo;

use crate::command_line::{Run, text};
use crate::{ZOO, crop, photograph};

/// A part of the photograph that moves to the right by `speed` pixels a frame.
pub fn pan(count: usize, [width, height]: [usize; 2], speed: usize) -> Vec<Image> {
    let whole = photograph();
    (0..count)
        .map(|t| crop(&whole, [200 + speed * t, 120], [width, height]))
        .collect()
}

fn format(width: u32, height: u32, sampling: Sampling) -> VideoFormat {
    VideoFormat {
        width,
        height,
        sampling,
        bits: 8,
        full_range: false,
        matrix: Matrix::Bt601,
        rate: (25, 1),
        aspect: (1, 1),
    }
}

/// The frames as y4m.
pub fn y4m(images: &[Image], sampling: Sampling) -> Vec<u8> {
    let format = format(images[0].width(), images[0].height(), sampling);
    let mut file = Vec::new();
    let mut writer = Y4mWriter::new(&mut file, format).unwrap();
    for image in images {
        let samples: Vec<u16> = image
            .samples()
            .eight()
            .iter()
            .map(|&s| u16::from(s) * 257)
            .collect();
        writer.write(&format.from_rgb(&samples)).unwrap();
    }
    writer.finish().unwrap();
    file
}

fn frames_of(file: &[u8]) -> (VideoFormat, Vec<Vec<u16>>) {
    let mut reader = Y4mReader::new(file, None).unwrap();
    let format = *reader.format();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(format.to_rgb(&frame));
    }
    (format, frames)
}

pub fn clip_of(images: &[Image], key: &str, quality: u8, gop: u32) -> Vec<u8> {
    let mut options = ClipOptions::new(Quality::new(quality).unwrap());
    options.gop = gop;
    let mut file = Vec::new();
    let model = ZOO.open(key).unwrap();
    let (width, height) = (images[0].width(), images[0].height());
    let mut encoder = ClipEncoder::new(model, &options, width, height, &mut file).unwrap();
    for image in images {
        encoder.push(image).unwrap();
    }
    encoder.finish().unwrap();
    file
}

/// Effort moves what intra frames say; the frames that follow decode from it as from any.
#[test]
fn effort_reaches_the_frames_that_decode_alone() {
    let images = pan(3, [96, 64], 2);
    let with = |effort: u8| {
        let mut options = ClipOptions::new(Quality::new(60).unwrap());
        options.effort = Effort::new(effort).unwrap();
        let mut file = Vec::new();
        let model = ZOO.open("mse").unwrap();
        let mut encoder = ClipEncoder::new(model, &options, 96, 64, &mut file).unwrap();
        let mut written = Vec::new();
        for image in &images {
            written.extend(encoder.push(image).unwrap());
        }
        written.extend(encoder.flush().unwrap());
        encoder.finish().unwrap();
        let intra = written[0].info.bytes as f64;
        let last = written
            .into_iter()
            .max_by_key(|written| written.info.number);
        let last = last.unwrap().picture;
        let decoder = ClipDecoder::new(&file[..]);
        let mut frames = decoder.start(&*ZOO).unwrap();
        let mut shown = Vec::new();
        while let Some(frame) = frames.next_frame().unwrap() {
            shown.push(frame.image);
        }
        assert_eq!(shown.len(), images.len());
        assert_eq!(shown.last(), Some(&last));
        (intra, psnr(&images[0], &shown[0]).unwrap())
    };
    let ((plain, plain_psnr), (refined, refined_psnr)) = (with(1), with(5));
    // A decibel is worth about a sixth of the rate at this quality (Kodak, q 55 and 65).
    assert!(refined != plain, "nothing moved");
    let gain = plain / refined - 1.0 + (refined_psnr - plain_psnr) / 6.0;
    assert!(
        gain > 0.0,
        "{plain} and {refined} bytes, {plain_psnr} and {refined_psnr} dB"
    );
}

/// A clip whose header names no prior must not have predicted frames: decoded by whatever
/// prior there is they would be garbage.
#[test]
fn predicted_frames_of_a_clip_without_a_prior_are_refused() {
    let images = pan(3, [96, 64], 4);
    let header_of = |file: &[u8]| ClipHeader::read(&mut &file[..]).unwrap().to_bytes();
    let intra = header_of(&clip_of(&images, "mse", 40, 1));
    let predicted = clip_of(&images, "mse", 40, 0);
    let frames = &predicted[header_of(&predicted).len()..];
    let spliced = [&intra[..], frames].concat();
    let mut frames = ClipDecoder::new(&spliced[..]).start(&*ZOO).unwrap();
    assert!(frames.next_frame().unwrap().is_some());
    let error = frames.next_frame().unwrap_err().to_string();
    assert!(
        error.contains("frame 2 is predicted, but the clip names no prior"),
        "{error}"
    );
}

pub fn digest(file: &[u8], zoo: &Zoo) -> [u8; 32] {
    let mut frames = ClipDecoder::new(file).start(zoo).unwrap().digested();
    while frames.decode_next().unwrap().is_some() {}
    frames.symbols_digest().unwrap()
}

pub fn shown(file: &[u8], zoo: &Zoo) -> Vec<Image> {
    let mut frames = ClipDecoder::new(file).start(zoo).unwrap();
    let mut images = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        let samples = frame.image.samples().eight().into_owned();
        let (width, height) = (frame.image.width(), frame.image.height());
        images.push(Image::new(width, height, frame.image.channels(), samples).unwrap());
    }
    images
}

#[test]
fn y4m_goes_in_and_comes_out() {
    let run = Run::new();
    let images = pan(5, [130, 90], 3);
    for (name, sampling) in [
        ("420", Sampling::Yuv420Left),
        ("jpeg", Sampling::Yuv420Centre),
        ("422", Sampling::Yuv422),
        ("444", Sampling::Yuv444),
    ] {
        let input = y4m(&images, sampling);
        fs::write(run.path("in.y4m"), &input).unwrap();
        run.ok("encode in.y4m out.lic -q 70 --gop 3");
        run.ok("decode out.lic back.y4m");
        let back = fs::read(run.path("back.y4m")).unwrap();
        let ((a, before), (b, after)) = (frames_of(&input), frames_of(&back));
        assert_eq!(a, b, "{name}");
        assert_eq!(after.len(), 5);
        for (before, after) in before.iter().zip(&after) {
            let picture =
                |samples: &[u16]| Image::new(130, 90, Channels::Rgb, samples.to_vec()).unwrap();
            let found = psnr(&picture(before), &picture(after)).unwrap();
            assert!(found > 30.0, "{name}: {found}");
        }
        let info = text(&run.ok("info out.lic --json").stdout);
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        assert_eq!(info["frames"].as_array().unwrap().len(), 5);
        assert_eq!(
            (&info["fps"], &info["complete"]),
            (&25.0.into(), &true.into())
        );
        let kinds = info["frames"].as_array().unwrap().iter();
        let kinds: Vec<String> = kinds
            .map(|frame| format!("{}{}", frame["kind"].as_str().unwrap(), frame["number"]))
            .collect();
        assert_eq!(kinds, ["I0", "I3", "B1", "B2", "P4"]);
    }
    let lines = text(&run.ok("info out.lic").stdout);
    assert!(
        lines.contains("4:4:4, 8 bits, limited range, BT.601"),
        "{lines}"
    );
}

#[test]
fn clips_go_through_pipes_and_parts_of_them_come_out() {
    let run = Run::new();
    let images = pan(7, [96, 64], 2);
    fs::write(run.path("in.y4m"), y4m(&images, Sampling::Yuv420Left)).unwrap();
    run.ok("encode in.y4m out.lic -q 60 --gop 3");
    run.ok("decode out.lic back.y4m");
    let piped = |line: &str, input: &Path| {
        let mut child = run
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = fs::read(input).unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&bytes));
        let mut output = Vec::new();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_to_end(&mut output).unwrap();
        let _ = writer.join().unwrap();
        assert!(child.wait().unwrap().success(), "{line}");
        output
    };
    let line = "encode - - -q 60 --gop 3";
    assert!(piped(line, &run.path("in.y4m")) == fs::read(run.path("out.lic")).unwrap());
    let whole = fs::read(run.path("back.y4m")).unwrap();
    assert!(piped("decode - -", &run.path("out.lic")) == whole);

    let (_, all) = frames_of(&whole);
    for (frames, range) in [("0..7", 0..7), ("4..6", 4..6), ("5..", 5..7), ("..2", 0..2)] {
        run.ok(&format!("decode out.lic part.y4m --frames {frames}"));
        let (_, part) = frames_of(&fs::read(run.path("part.y4m")).unwrap());
        assert!(part == all[range], "{frames}");
        let line = format!("decode - - --frames {frames}");
        let part = fs::read(run.path("part.y4m")).unwrap();
        assert!(piped(&line, &run.path("out.lic")) == part, "{frames}");
    }
    let words = run.fails("decode out.lic part.y4m --frames 7..9");
    assert!(words.contains("there is no frame 7"), "{words}");
}

#[test]
fn numbered_pictures_become_a_clip_and_back() {
    let run = Run::new();
    for (i, image) in pan(3, [70, 50], 4).iter().enumerate() {
        let path = run.path(&format!("in-{:03}.png", i + 1));
        let kind = image::ExtendedColorType::Rgb8;
        image::save_buffer(path, &image.samples().eight(), 70, 50, kind).unwrap();
    }
    run.ok("encode in-%03d.png out.lic -q 80 --fps 24");
    run.ok("decode out.lic back-%02d.png");
    for i in 0..3 {
        let before = crate::open(&run.path(&format!("in-{:03}.png", i + 1)));
        let after = crate::open(&run.path(&format!("back-{i:02}.png")));
        let found = psnr(&before, &after).unwrap();
        assert!(found > 32.0, "{found}");
    }
    // y4m has no frames of red, green and blue.
    run.ok("decode out.lic back.y4m");
    let (format, frames) = frames_of(&fs::read(run.path("back.y4m")).unwrap());
    assert_eq!((format.sampling, format.rate), (Sampling::Yuv444, (24, 1)));
    assert_eq!(frames.len(), 3);
}

#[test]
fn rates_are_met() {
    let run = Run::new();
    let images = pan(6, [160, 112], 3);
    fs::write(run.path("in.y4m"), y4m(&images, Sampling::Yuv420Left)).unwrap();
    for line in ["--target-bpp 0.25", "--bitrate 112k"] {
        let said = run
            .ok(&format!("encode in.y4m out.lic --json {line}"))
            .stdout;
        let made: serde_json::Value = serde_json::from_str(&text(&said)).unwrap();
        // 112 kbit/s at 25 frames a second are 0.25 bits a pixel.
        let bpp = made["bpp"].as_f64().unwrap();
        assert!((bpp / 0.25 - 1.0).abs() < 0.05, "{line}: {bpp}");
        let length = fs::metadata(run.path("out.lic")).unwrap().len();
        assert_eq!(made["bytes"], length);
    }
    run.ok("encode in.y4m out.lic --target-psnr 33");
    let words = run.fails("encode in.y4m out.lic --target-bpp 90");
    assert!(words.contains("out of reach"), "{words}");
    let words = run.fails("encode in.png out.lic --bitrate 90k");
    assert!(words.contains("--bitrate is for videos"), "{words}");
}

#[test]
fn what_cannot_be_read_ends_in_one_line() {
    let run = Run::new();
    let whole = y4m(&pan(2, [40, 30], 1), Sampling::Yuv420Left);
    let mut cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "does not begin with YUV4MPEG2"),
        (
            "nothing",
            b"YUV4MPEG2 W8 H8 F25:1 C420\n".to_vec(),
            "there are no frames",
        ),
        (
            "huge",
            b"YUV4MPEG2 W999999 H999999 F25:1\nFRAME\n".to_vec(),
            "999999x999999",
        ),
        ("odd", b"YUV4MPEG2 W8 H8 C421\n".to_vec(), "C421"),
        ("cut", whole[..whole.len() - 5].to_vec(), "frame 1"),
    ];
    // A header that says more pixels than there are.
    let at = whole.iter().position(|&b| b == b'\n').unwrap();
    let lying = [
        b"YUV4MPEG2 W400 H300 F25:1 Ip C420".as_slice(),
        &whole[at..],
    ]
    .concat();
    cases.push(("lying", lying, "the file ends within it"));
    for (name, bytes, says) in cases {
        fs::write(run.path("bad.y4m"), bytes).unwrap();
        let words = run.fails("encode bad.y4m out.lic");
        assert!(words.contains(says), "{name}: {words}");
        assert!(!run.path("out.lic").exists(), "{name}");
    }
    fs::write(run.path("in.mp4"), b"\0\0\0\x18ftypisom\0\0\0\0").unwrap();
    run.fails("encode in.mp4 out.lic");
    fs::write(run.path("in.y4m"), whole).unwrap();
    run.ok("encode in.y4m out.lic");
    for line in [
        "decode out.lic back.webm",
        "decode out.lic back.y4m --scale 1/2",
        "decode out.lic back.y4m --region 0,0,8,8",
    ] {
        run.fails(line);
    }
    run.ok("encode in.png picture.lic");
    let words = run.fails("decode picture.lic back.png --frames 0..1");
    assert!(words.contains("is a picture"), "{words}");
}

#[test]
fn a_clip_that_ends_too_soon_gives_its_whole_frames() {
    let run = Run::new();
    fs::write(
        run.path("in.y4m"),
        y4m(&pan(6, [64, 64], 2), Sampling::Yuv420Left),
    )
    .unwrap();
    run.ok("encode in.y4m out.lic --b-frames 3");
    let whole = fs::read(run.path("out.lic")).unwrap();
    let info = text(&run.ok("info out.lic --json").stdout);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let last = info["frames"][5]["bytes"].as_u64().unwrap();
    // Within the last frame.
    let header = ClipHeader::read(&mut &whole[..]).unwrap().to_bytes();
    let end = header.len() as u64 + info["frame_bytes"].as_u64().unwrap() - last / 2;
    fs::write(run.path("cut.lic"), &whole[..end as usize]).unwrap();
    let words = run.fails("decode cut.lic back.y4m");
    assert!(words.contains("it ends within a frame"), "{words}");
    assert!(!run.path("back.y4m").exists());
    let words = text(&run.ok("decode cut.lic back.y4m --partial").stderr);
    let (_, frames) = frames_of(&fs::read(run.path("back.y4m")).unwrap());
    assert!(
        words.contains(&format!("after {} whole frames", frames.len())),
        "{words}"
    );
    assert_eq!(frames.len(), 5);
    // Within a frame that lies between others: those before it, and not the one after it.
    let between = info["frames"][3]["bytes"].as_u64().unwrap();
    let bytes = |i: usize| info["frames"][i]["bytes"].as_u64().unwrap();
    let end = header.len() as u64 + (0..3).map(bytes).sum::<u64>() + between / 2;
    fs::write(run.path("early.lic"), &whole[..end as usize]).unwrap();
    run.ok("decode early.lic early.y4m --partial");
    let (_, frames) = frames_of(&fs::read(run.path("early.y4m")).unwrap());
    assert_eq!(frames.len(), 1);
    run.ok("decode cut.lic part.y4m --partial --frames 2..4");
    let lines = text(&run.ok("info cut.lic").stdout);
    assert!(lines.contains("ends too soon"), "{lines}");
}

#[test]
fn one_frame_is_a_clip() {
    let run = Run::new();
    fs::write(
        run.path("in.y4m"),
        y4m(&pan(1, [3, 5], 0), Sampling::Yuv420Left),
    )
    .unwrap();
    run.ok("encode in.y4m out.lic");
    run.ok("decode out.lic back.y4m");
    let (format, frames) = frames_of(&fs::read(run.path("back.y4m")).unwrap());
    assert_eq!((format.width, format.height, frames.len()), (3, 5, 1));
}

/// With an encoder that looks at a frame while the next has not come.
#[test]
fn frames_come_out_as_they_go_in() {
    let run = Run::new();
    let images = pan(3, [64, 48], 1);
    let input = y4m(&images, Sampling::Yuv420Left);
    let mut child = run
        .command("encode - - --model null --b-frames 0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut decoder = ClipDecoder::new(BufReader::new(child.stdout.take().unwrap()));
    // Two frames of three, and the pipe stays open.
    let part = input.len() - (input.len() - 80) / 3;
    stdin.write_all(&input[..part]).unwrap();
    stdin.flush().unwrap();
    for expected in [FrameKind::Intra, FrameKind::Predicted] {
        let info = decoder.next_info().unwrap().unwrap();
        assert_eq!(info.kind, expected);
    }
    stdin.write_all(&input[part..]).unwrap();
    drop(stdin);
    assert!(decoder.next_info().unwrap().is_some());
    assert!(decoder.next_info().unwrap().is_none());
    assert!(child.wait().unwrap().success());
}
