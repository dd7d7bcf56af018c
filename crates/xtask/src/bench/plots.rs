//! Plots of a report, as SVG.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figures::{Report, Size};

type Drawn = Result<String, Box<dyn std::error::Error>>;

/// Colours of the procedures, in the order of [`super::PROCEDURES`]: they differ in brightness too.
const COLOURS: [RGBColor; 4] = [
    RGBColor(150, 150, 150),
    RGBColor(180, 40, 30),
    RGBColor(220, 140, 20),
    RGBColor(20, 90, 180),
];

/// The steps of `live` while clients may have to wait.
const SECTION: [(&str, RGBColor); 4] = [
    ("cold/switch", RGBColor(20, 90, 180)),
    ("synced/caught-up", RGBColor(90, 150, 220)),
    ("proxy/promote", RGBColor(220, 140, 20)),
    ("proxy/release", RGBColor(180, 40, 30)),
];

/// The sizes that were not measured over a slow network, whose names say so in words.
fn at_full_speed(report: &Report) -> impl Iterator<Item = (&String, &Size)> {
    report.iter().filter(|(name, _)| !name.contains(' '))
}

/// The sum of outages against the number of users, both on logarithmic scales; where there was none, the longest gap.
///
/// # Errors
///
/// Where it cannot be drawn.
pub(super) fn outages(report: &Report) -> Drawn {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (760, 420)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(
                (8_000.0..2_400_000.0_f64).log_scale(),
                (10.0..1_000_000.0_f64).log_scale(),
            )?;
        chart
            .configure_mesh()
            .x_desc("users")
            .y_desc("ms without an acknowledged write")
            .x_label_formatter(&|users| format!("{users:.0}"))
            .y_label_formatter(&|ms| format!("{ms:.0}"))
            .light_line_style(WHITE)
            .draw()?;
        for (procedure, colour) in super::PROCEDURES.into_iter().zip(COLOURS) {
            let mut points: Vec<(f64, f64)> = Vec::new();
            for (_, size) in at_full_speed(report) {
                if let Some(summary) = size.procedures.get(procedure) {
                    let outage = summary.outage_sum_ms.median;
                    let gap = summary.longest_gap_ms.median;
                    let ms = if outage > 0 { outage } else { gap };
                    points.push((f64::from(size.users), ms.max(1) as f64));
                }
            }
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            chart
                .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
                .label(procedure)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour));
            chart.draw_series(
                points
                    .into_iter()
                    .map(|at| Circle::new(at, 4, colour.filled())),
            )?;
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// The critical section of `live` as a timeline, a bar for each size.
///
/// # Errors
///
/// Where it cannot be drawn.
pub(super) fn section(report: &Report) -> Drawn {
    let mut rows: Vec<(&str, u32, Vec<u64>)> = Vec::new();
    for (name, size) in at_full_speed(report) {
        if let Some(live) = size.procedures.get("live") {
            let of_step = |step: &str| {
                let found = live.steps_ms.iter().find(|(id, _)| id == step);
                found.map_or(0, |(_, ms)| *ms)
            };
            let times = SECTION.map(|(step, _)| of_step(step)).to_vec();
            rows.push((name, size.users, times));
        }
    }
    rows.sort_by_key(|(_, users, _)| *users);
    let longest = rows.iter().map(|(_, _, times)| times.iter().sum::<u64>());
    let longest = longest.max().unwrap_or(1).max(1);
    let height = 80 + 44 * i32::try_from(rows.len())?;
    let mut svg = String::new();
    {
        let size = (760, u32::try_from(height)?);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        let text = ("sans-serif", 13).into_font().color(&BLACK);
        let x_of = |ms: u64| -> Result<i32, std::num::TryFromIntError> {
            Ok(60 + i32::try_from(ms * 660 / longest)?)
        };
        for (row, (name, _, times)) in rows.iter().enumerate() {
            let y = 16 + 44 * i32::try_from(row)?;
            area.draw(&Text::new((*name).to_owned(), (8, y + 8), text.clone()))?;
            let mut from = 0;
            for (ms, (_, colour)) in times.iter().zip(SECTION) {
                let corners = [(x_of(from)?, y), (x_of(from + ms)?, y + 28)];
                area.draw(&Rectangle::new(corners, colour.filled()))?;
                let middle = text.clone().pos(Pos::new(HPos::Center, VPos::Center));
                let at = (x_of(from + ms / 2)?, y + 14);
                area.draw(&Text::new(ms.to_string(), at, middle.color(&WHITE)))?;
                from += ms;
            }
        }
        for (index, (step, colour)) in SECTION.into_iter().enumerate() {
            let (x, y) = (60 + 170 * i32::try_from(index)?, height - 40);
            area.draw(&Rectangle::new([(x, y), (x + 12, y + 12)], colour.filled()))?;
            area.draw(&Text::new(step, (x + 18, y), text.clone()))?;
        }
        area.draw(&Text::new("milliseconds", (60, height - 20), text))?;
        area.present()?;
    }
    Ok(svg)
}
