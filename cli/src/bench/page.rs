//! The page of `lic bench --report`: one file, no network.
//!
//! Figures and pictures are JSON in the page, its scripts draw them. The plots are
//! uPlot's (MIT), embedded as published with its licence; a content security policy
//! keeps the page from loading anything.

use anyhow::{Context, Result};
use serde::Serialize;

use super::Figures;
use super::viewer::Shown;

/// The page with places for the rest, in the order of [`html`].
const TEMPLATE: &str = include_str!("page/index.html");

/// The page.
///
/// # Errors
/// If the figures cannot be written as JSON.
pub fn html(figures: &Figures, shown: &[Shown]) -> Result<String> {
    let (figures, shown) = (json(figures)?, json(shown)?);
    let parts = [
        ("{{uplot.css}}", include_str!("page/uplot/uPlot.min.css")),
        ("{{page.css}}", include_str!("page/page.css")),
        ("{{uplot.licence}}", include_str!("page/uplot/LICENSE")),
        ("{{figures}}", &figures),
        ("{{pictures}}", &shown),
        ("{{uplot.js}}", include_str!("page/uplot/uPlot.iife.min.js")),
        ("{{page.js}}", include_str!("page/page.js")),
        ("{{chart.js}}", include_str!("page/chart.js")),
        ("{{tables.js}}", include_str!("page/tables.js")),
        ("{{viewer.js}}", include_str!("page/viewer.js")),
    ];
    let mut page = String::new();
    let mut rest = TEMPLATE;
    for (place, part) in parts {
        // One pass in order: what is filled in is not looked through again.
        let (before, after) = rest.split_once(place).context("a place of the page")?;
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

/// JSON that can stand in a `script` element: a file name may hold `</script>`.
fn json<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    Ok(serde_json::to_string(value)?.replace('<', "\\u003c"))
}

#[cfg(test)]
pub mod tests {
    use super::super::matrix::{deltas, tests::curve};
    use super::super::viewer::Coding;
    use super::super::{Conducted, LeftOut, anchors};
    use super::*;

    /// Of two codecs on Kodak, one of which takes half as much again.
    pub fn figures() -> Figures {
        let curves = vec![curve("lic-mse", 1.0), curve("jpeg", 1.5)];
        Figures {
            program: "lic 1.0".into(),
            test_set: Some("kodak".into()),
            test_set_source: Some("somewhere".into()),
            pictures: 24,
            pixels: 9_437_184,
            machine: Conducted {
                cpu: "Abacus".into(),
                device: "flex",
                threads: 1,
                jobs: 1,
            },
            bd_rates: deltas(&curves, anchors::all()),
            curves,
            left_out: vec![LeftOut {
                codec: "hevc".into(),
                name: "HEVC".into(),
                reason: "no ffmpeg on PATH".into(),
            }],
            published: anchors::all().to_vec(),
        }
    }

    fn shown(name: &str) -> Shown {
        let coding = Coding {
            codec: "lic-mse".into(),
            name: "lic".into(),
            setting_name: "quality",
            setting: 30.0,
            bytes: 99,
            bpp: 0.2,
            psnr: Some(30.0),
            ms_ssim: None,
            ssimulacra2: None,
            image: "data:image/webp;base64,AAAA".into(),
        };
        Shown {
            picture: name.into(),
            width: 4,
            height: 4,
            cropped: false,
            original: "data:image/webp;base64,AAAA".into(),
            codings: vec![coding],
        }
    }

    /// The text of the JSON in the element `id`.
    fn embedded(page: &str, id: &str) -> serde_json::Value {
        let start = format!("<script type=\"application/json\" id=\"{id}\">");
        let (_, rest) = page.split_once(&start).unwrap();
        serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn the_page_holds_the_figures() {
        let figures = figures();
        let hostile = "</script><script>alert(1)</script>{{page.js}}.png";
        let page = html(&figures, &[shown(hostile)]).unwrap();
        // Through text, as the page's: serde_json may lose a float's last digit there.
        let text = serde_json::to_string(&figures).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(embedded(&page, "figures"), expected);
        assert_eq!(embedded(&page, "pictures")[0]["picture"], hostile);
        assert!(!page.contains("<script>alert"));
        assert!(
            page.contains("Permission is hereby granted"),
            "uPlot's licence"
        );
        for place in ["{{uplot", "{{figures", "{{chart", "{{viewer"] {
            assert!(!page.contains(place), "{place}");
        }
    }

    /// Nothing that makes a browser load from elsewhere; sources and licences may be
    /// named.
    #[test]
    fn the_page_loads_nothing() {
        let page = html(&figures(), &[shown("a.png")]).unwrap();
        let quiet: String = page.to_lowercase().split_whitespace().collect();
        assert!(quiet.contains("default-src'none'"), "no policy");
        for call in [
            "fetch(",
            "import(",
            "xmlhttprequest",
            "websocket",
            "@import",
            "<link",
            "<iframe",
        ] {
            assert!(!quiet.contains(call), "{call}");
        }
        for attribute in ["src=\"", "href=\"", "url(", "action=\"", "srcset="] {
            for (at, _) in quiet.match_indices(attribute) {
                let target = &quiet[at + attribute.len()..];
                let local = ["data:", "#", "\"data:"]
                    .iter()
                    .any(|ok| target.starts_with(ok));
                assert!(local, "{attribute}{}", &target[..target.len().min(40)]);
            }
        }
    }
}
