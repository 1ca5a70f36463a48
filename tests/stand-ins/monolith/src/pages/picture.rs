//! Pictures: there is no photographer, so that each article gets a drawing of its own, in the manner of its section.

use std::{
    f64::consts::TAU,
    fmt::{self, Write as _},
};

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use fastrand::Rng;
use sha2::{Digest, Sha256};

use crate::{internal::rules::check_key, web::App};

const WIDTH: f64 = 1280.0;
const HEIGHT: f64 = 800.0;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/picture/{topic}/{file}", get(picture))
}

async fn picture(Path((topic, file)): Path<(String, String)>) -> Response {
    let Some(key) = file.strip_suffix(".svg").filter(|key| check_key(key).is_ok()) else {
        return (StatusCode::NOT_FOUND, "There is no such picture.").into_response();
    };
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (headers, draw(&topic, key).unwrap_or_default()).into_response()
}

/// The same picture for the same article, always.
fn draw(topic: &str, key: &str) -> Result<String, fmt::Error> {
    let digest = Sha256::digest(key);
    let seed = digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    let mut rng = Rng::with_seed(seed);
    let mut svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">"#);
    match topic {
        "astronomy" => sky(&mut svg, &mut rng)?,
        "biology" => cells(&mut svg, &mut rng)?,
        "physics" => waves(&mut svg, &mut rng)?,
        "climate" => currents(&mut svg, &mut rng)?,
        "medicine" => pulse(&mut svg, &mut rng)?,
        "technology" => circuit(&mut svg, &mut rng)?,
        "mathematics" => curve(&mut svg, &mut rng)?,
        _ => strata(&mut svg, &mut rng)?,
    }
    svg.push_str("</svg>");
    Ok(svg)
}

fn between(rng: &mut Rng, from: f64, to: f64) -> f64 {
    (from + rng.f64() * (to - from)).round()
}

fn ground(svg: &mut String, from: &str, to: &str) -> fmt::Result {
    write!(
        svg,
        r#"<linearGradient id="g" x2=".6" y2="1"><stop stop-color="{from}"/><stop offset="1" stop-color="{to}"/></linearGradient><rect width="{WIDTH}" height="{HEIGHT}" fill="url(#g)"/>"#
    )
}

fn pick<'a>(rng: &mut Rng, colours: &[&'a str]) -> &'a str {
    rng.choice(colours).copied().unwrap_or("#fff")
}

fn sky(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    let far = pick(rng, &["#3a2a63", "#123c5a", "#4a2440", "#0f3b3d"]);
    ground(svg, "#060d1c", far)?;
    for _ in 0..140 {
        let (x, y) = (between(rng, 0.0, WIDTH), between(rng, 0.0, HEIGHT));
        let (r, glow) = (0.8 + rng.f64() * rng.f64() * 3.0, 0.3 + rng.f64() * 0.7);
        write!(svg, r##"<circle cx="{x}" cy="{y}" r="{r:.1}" fill="#fff" opacity="{glow:.2}"/>"##)?;
    }
    let (x, y, r) = (between(rng, 300.0, 980.0), between(rng, 260.0, 540.0), between(rng, 90.0, 210.0));
    let tilt = between(rng, -35.0, 35.0);
    let body = pick(rng, &["#e0a458", "#d9765f", "#7fb4d6", "#c9b7e8", "#9fc7a2"]);
    write!(
        svg,
        r##"<radialGradient id="p" cx=".35" cy=".3" r=".8"><stop stop-color="#fff"/><stop offset=".25" stop-color="{body}"/><stop offset="1" stop-color="#0a1020"/></radialGradient><g transform="rotate({tilt} {x} {y})"><circle cx="{x}" cy="{y}" r="{r}" fill="url(#p)"/>"##
    )?;
    for ring in 0..rng.u8(0..5) {
        let (rx, ry) = (r * (1.45 + f64::from(ring) * 0.2), r * (0.22 + f64::from(ring) * 0.035));
        write!(
            svg,
            r#"<ellipse cx="{x}" cy="{y}" rx="{rx:.0}" ry="{ry:.0}" fill="none" stroke="{body}" stroke-width="{}" opacity=".55"/>"#,
            9 - ring * 2
        )?;
    }
    svg.push_str("</g>");
    Ok(())
}

fn cells(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    let deep = pick(rng, &["#0f4d3a", "#23543f", "#1b4a57", "#3d5a1f"]);
    ground(svg, deep, "#dfe9b8")?;
    for _ in 0..26 {
        let (x, y, r) =
            (between(rng, -40.0, WIDTH + 40.0), between(rng, -40.0, HEIGHT + 40.0), between(rng, 45.0, 150.0));
        let (dx, dy) = (between(rng, -r * 0.3, r * 0.3), between(rng, -r * 0.3, r * 0.3));
        let colour = pick(rng, &["#f4f7c5", "#a8d5a2", "#5fae8b", "#f2c879", "#7cc6c0"]);
        write!(
            svg,
            r#"<circle cx="{x}" cy="{y}" r="{r}" fill="{colour}" fill-opacity=".28" stroke="{colour}" stroke-width="5"/><circle cx="{}" cy="{}" r="{:.0}" fill="{deep}" opacity=".55"/>"#,
            x + dx,
            y + dy,
            r * 0.24
        )?;
    }
    Ok(())
}

fn waves(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    let far = pick(rng, &["#5b2a86", "#1d4e89", "#7a1f4b", "#24506b"]);
    ground(svg, "#120b2e", far)?;
    let step = between(rng, 26.0, 46.0);
    for colour in ["#ffd166", "#8ecae6"] {
        let (x, y) = (between(rng, 60.0, WIDTH - 60.0), between(rng, 60.0, HEIGHT - 60.0));
        for ring in 1..34 {
            let r = step * f64::from(ring);
            write!(
                svg,
                r#"<circle cx="{x}" cy="{y}" r="{r}" fill="none" stroke="{colour}" stroke-width="7" opacity="{:.2}"/>"#,
                0.62 - f64::from(ring) * 0.016
            )?;
        }
    }
    Ok(())
}

fn currents(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    ground(svg, "#f6efe0", pick(rng, &["#f3b391", "#bfe0e8", "#f5d9a6"]))?;
    let (sun_x, sun_y) = (between(rng, 150.0, 1130.0), between(rng, 110.0, 260.0));
    write!(
        svg,
        r##"<circle cx="{sun_x}" cy="{sun_y}" r="{}" fill="#e76f51" opacity=".85"/>"##,
        between(rng, 55.0, 110.0)
    )?;
    for (layer, colour) in ["#a9d6e5", "#61a5c2", "#2c7da0", "#1f6080", "#15455f", "#0d2f45"].iter().enumerate() {
        let level = 290.0 + 88.0 * f64::from(u8::try_from(layer).unwrap_or(0));
        let (phase, length, swell) = (rng.f64() * TAU, between(rng, 220.0, 520.0), between(rng, 14.0, 42.0));
        write!(svg, r#"<path fill="{colour}" opacity=".93" d="M0 {HEIGHT}"#)?;
        for step in 0..=32_u8 {
            let x = f64::from(step) * 40.0;
            write!(svg, "L{x} {:.0}", level + swell * (phase + x / length * TAU).sin())?;
        }
        write!(svg, r#"L{WIDTH} {HEIGHT}Z"/>"#)?;
    }
    Ok(())
}

fn pulse(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    ground(svg, pick(rng, &["#fde2e0", "#fbe5d6", "#e8e4f5"]), pick(rng, &["#d1495b", "#b56576", "#8d5a97"]))?;
    for _ in 0..30 {
        let (x, y, r) = (between(rng, 0.0, WIDTH), between(rng, 0.0, HEIGHT), between(rng, 22.0, 74.0));
        let turn = between(rng, 0.0, 180.0);
        write!(
            svg,
            r##"<ellipse cx="{x}" cy="{y}" rx="{r}" ry="{:.0}" transform="rotate({turn} {x} {y})" fill="#fff" opacity=".25" stroke="#fff" stroke-width="4"/>"##,
            r * 0.62
        )?;
    }
    let middle = between(rng, 330.0, 470.0);
    write!(svg, r##"<path fill="none" stroke="#7d1128" stroke-width="12" stroke-linejoin="round" d="M0 {middle}"##)?;
    let beat = between(rng, 210.0, 330.0);
    for start in 0..7_u8 {
        let x = f64::from(start) * beat + 40.0;
        let high = between(rng, 150.0, 260.0);
        write!(svg, "H{x}l26 -34l26 34h26l20 40l34 -{high}l34 {high}l20 -40h20l30 -44l30 44")?;
    }
    svg.push_str(r#""/>"#);
    Ok(())
}

fn circuit(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    ground(svg, "#0b1d2a", pick(rng, &["#0e4a4a", "#1a3a63", "#3b2a55"]))?;
    for _ in 0..46 {
        let (mut x, mut y) = (between(rng, 0.0, 32.0) * 40.0, between(rng, 0.0, 20.0) * 40.0);
        let colour = pick(rng, &["#4cc9a7", "#f3b43f", "#62b6f0", "#3a8f86", "#2f6f8f"]);
        write!(
            svg,
            r#"<circle cx="{x}" cy="{y}" r="11" fill="{colour}"/><path fill="none" stroke="{colour}" stroke-width="6" stroke-linejoin="round" opacity=".8" d="M{x} {y}"#
        )?;
        for _ in 0..rng.u8(2..5) {
            let length = between(rng, 1.0, 6.0) * 40.0;
            let (dx, dy) = [(length, 0.0), (0.0, length), (length, length), (length, -length)][rng.usize(0..4)];
            (x, y) = (x + dx, y + dy);
            write!(svg, "L{x} {y}")?;
        }
        write!(svg, r##""/><circle cx="{x}" cy="{y}" r="11" fill="#0b1d2a" stroke="{colour}" stroke-width="6"/>"##)?;
    }
    Ok(())
}

fn curve(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    ground(svg, "#fbf7ec", pick(rng, &["#e7dcc2", "#d5e3ea", "#e8d3d0"]))?;
    let (inner, pen) = (between(rng, 3.0, 23.0) * 13.0 + 7.0, between(rng, 110.0, 260.0));
    let outer = 390.0;
    for (turn, colour) in [(0.0, "#a8261c"), (0.12, "#0d2538"), (0.24, "#c98a1b")] {
        write!(svg, r#"<path fill="none" stroke="{colour}" stroke-width="3" opacity=".85" d=""#)?;
        for step in 0..900_u16 {
            let t = f64::from(step) * 0.09;
            let rolled = (outer - inner) / inner * t;
            let (x, y) = (
                (outer - inner) * (t + turn).cos() + pen * rolled.cos(),
                (outer - inner) * (t + turn).sin() - pen * rolled.sin(),
            );
            let to = if step == 0 { 'M' } else { 'L' };
            write!(svg, "{to}{:.0} {:.0}", WIDTH / 2.0 + x, HEIGHT / 2.0 + y)?;
        }
        svg.push_str(r#""/>"#);
    }
    Ok(())
}

fn strata(svg: &mut String, rng: &mut Rng) -> fmt::Result {
    ground(svg, "#cfe0e6", "#f4ead6")?;
    let mut level = between(rng, 130.0, 240.0);
    for colour in ["#d8b980", "#b98b52", "#95653a", "#c79a63", "#6f472a", "#8a5a38", "#4a2f1e"] {
        let (phase, length) = (rng.f64() * TAU, between(rng, 380.0, 900.0));
        write!(svg, r#"<path fill="{colour}" d="M0 {HEIGHT}"#)?;
        for step in 0..=16_u8 {
            let x = f64::from(step) * 80.0;
            write!(svg, "L{x} {:.0}", level + 18.0 * (phase + x / length * TAU).sin() + between(rng, -5.0, 5.0))?;
        }
        write!(svg, r#"L{WIDTH} {HEIGHT}Z"/>"#)?;
        for _ in 0..rng.u8(4..10) {
            let (x, y, r) = (between(rng, 0.0, WIDTH), level + between(rng, 30.0, 80.0), between(rng, 7.0, 22.0));
            let turn = between(rng, 0.0, 180.0);
            write!(
                svg,
                r##"<path d="M{x} {y}l{r} -{r}l{r} {r}l-{:.0} {r}z" transform="rotate({turn} {x} {y})" fill="#f1dfbd" opacity=".7"/>"##,
                r * 0.6
            )?;
        }
        level += between(rng, 70.0, 110.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::pages::layout::SECTIONS;

    #[test]
    fn each_article_has_a_picture_of_its_own_that_stays() {
        let topics = SECTIONS.iter().map(|(topic, _)| *topic).chain(["no-section"]);
        for topic in topics {
            let picture = draw(topic, "ice-remembers").unwrap();
            assert_eq!(picture, draw(topic, "ice-remembers").unwrap());
            assert_ne!(picture, draw(topic, "ice-forgets").unwrap());
            assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>") && !picture.contains("NaN"));
            assert!(picture.len() < 60_000, "{topic} has {} bytes", picture.len());
        }
    }
}
