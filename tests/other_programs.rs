//! Pictures that another program made and looks at again: what they carry survives.

use std::process::Command;

use crate::command_line::Run;

/// Makes pictures, and looks at what came back of each. Pillow is an implementation of
/// PNG, JPEG, WebP, ICC and EXIF that shares nothing with ours.
const SCRIPT: &str = r#"
import sys
from PIL import Image, ImageCms
make, folder = sys.argv[1] == "make", sys.argv[2]
W, H = 120, 80
icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
exif = Image.Exif()
exif[0x010E] = "a slope"
exif[0x0112] = 6
exif = exif.tobytes()
red = Image.linear_gradient("L").resize((W, H))
green = red.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
blue = Image.radial_gradient("L").resize((W, H))
alpha = Image.radial_gradient("L").resize((W, H)).point(lambda v: min(255, v * 2))
rgb = Image.merge("RGB", (red, green, blue))
deep = Image.new("I;16", (W, H))
deep.putdata([(x * 500 + y * 37) % 60000 for y in range(H) for x in range(W)])
xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
cases = {
    "rgb.png": (rgb, dict(icc_profile=icc, exif=exif)),
    "rgba.png": (Image.merge("RGBA", (red, green, blue, alpha)), dict(icc_profile=icc)),
    "grey.png": (blue, {}),
    "greyalpha.png": (Image.merge("LA", (red, alpha)), {}),
    "deep.png": (deep, {}),
    "photo.jpg": (rgb, dict(quality=95, icc_profile=icc, exif=exif)),
    "photo.webp": (Image.merge("RGBA", (red, green, blue, alpha)), dict(lossless=True, icc_profile=icc, exif=exif, xmp=xmp)),
}
for name, (picture, carried) in cases.items():
    if make:
        picture.save(f"{folder}/{name}", **carried)
        continue
    before, after = Image.open(f"{folder}/{name}"), Image.open(f"{folder}/{name}.png")
    assert after.size == (W, H), (name, after.size)
    # PNG has no exact counterpart of these modes alone.
    same = {"I;16": ("I;16", "I"), "RGBA": ("RGBA",)}.get(before.mode, (before.mode,))
    assert after.mode in same, (name, before.mode, after.mode)
    assert after.info.get("icc_profile") == before.info.get("icc_profile"), name
    assert dict(after.getexif()) == dict(before.getexif()), name
    if "xmp" in carried:
        assert after.info.get("xmp") in (xmp, xmp.decode()) or xmp.decode() in str(after.info), after.info.keys()
    if "A" in before.getbands():
        a, b = before.getchannel("A").tobytes(), after.getchannel("A").tobytes()
        assert a == b, f"{name}: alpha differs"
    depth = 65535 if before.mode == "I;16" else 255
    flat = lambda p: [v for pixel in p.getdata() for v in (pixel if isinstance(pixel, tuple) else (pixel,))]
    a, b = flat(before), flat(after)
    mean = sum(abs(x - y) for x, y in zip(a, b)) / len(a) / depth
    # Smooth pictures at quality 90: well within 2 % of full scale on the mean.
    assert len(a) == len(b) and mean < 0.02, (name, mean)
    if depth > 255:
        # No reader that stops at 8 bits gives so many values.
        assert len(set(b)) > 1024, (name, len(set(b)))
    print(name, after.mode, round(mean, 5))
"#;

/// A Python that has Pillow; `LIC_PYTHON` names one that is not on PATH.
fn python() -> Option<String> {
    let named = std::env::var("LIC_PYTHON").ok();
    let candidates = named.into_iter().chain(["python3".to_owned()]);
    let works = |python: &String| {
        let check = Command::new(python)
            .args(["-c", "from PIL import ImageCms"])
            .output();
        check.is_ok_and(|output| output.status.success())
    };
    let mut candidates = candidates.filter(works);
    let found = candidates.next();
    if found.is_none() {
        eprintln!("skipped: no python3 with Pillow (LIC_PYTHON names one)");
    }
    found
}

#[test]
fn another_program_finds_what_pictures_carried() {
    let Some(python) = python() else { return };
    let run = Run::new();
    let folder = run.path("");
    let script = |what: &str| {
        let output = Command::new(&python)
            .args(["-c", SCRIPT, what])
            .arg(&folder)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{what}: {words}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    script("make");
    let names = [
        "rgb.png",
        "rgba.png",
        "grey.png",
        "greyalpha.png",
        "deep.png",
        "photo.jpg",
        "photo.webp",
    ];
    for name in names {
        run.ok(&format!("encode {name} {name}.lic -q 90"));
        run.ok(&format!("decode {name}.lic {name}.png"));
    }
    let seen = script("look");
    assert_eq!(seen.lines().count(), names.len(), "{seen}");
}
