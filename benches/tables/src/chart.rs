//! Pictures as SVG: bars in groups, and curves, both on logarithmic scales.

use std::fmt::Write;

/// One colour for each series: told apart by people who see few colours too, on light and on dark.
const COLOURS: [&str; 5] = ["#0072b2", "#999999", "#d55e00", "#009e73", "#cc79a7"];
const STYLE: &str = "text{font:12px sans-serif;fill:#777}.t{font-weight:bold}line{stroke:#8884}";
const WIDTH: f64 = 860.0;

/// Bars in groups.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What stands above.
    pub title: String,
    /// What the bars of each group are.
    pub series: Vec<String>,
    /// The groups, from top to bottom.
    pub groups: Vec<Group>,
}

/// Bars that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// What stands beside them.
    pub name: String,
    /// One for each series.
    pub values: Vec<Option<f64>>,
}

/// Curves over one axis.
#[derive(Clone, Debug)]
pub struct Curves {
    /// What stands above.
    pub title: String,
    /// What the axis from left to right counts.
    pub across: String,
    /// Names and points.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

/// A logarithmic axis in whole decades.
struct Axis {
    low: f64,
    decades: f64,
    from: f64,
    length: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone, from: f64, length: f64) -> Self {
        let low = values.clone().fold(f64::MAX, f64::min).max(1e-3).log10().floor();
        let high = values.fold(f64::MIN, f64::max).max(2e-3).log10().ceil().max(low + 1.0);
        Self { low, decades: high - low, from, length }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + self.length * (value.max(1e-3).log10() - self.low) / self.decades
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let low = self.low as i32;
        (low..=low + self.decades as i32).map(|decade| 10_f64.powi(decade))
    }
}

impl Bars {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        const LEFT: f64 = 190.0;
        const BAR: f64 = 11.0;
        let step = BAR * self.series.len() as f64 + 9.0;
        let height = 70.0 + step * self.groups.len() as f64;
        let axis = Axis::over(self.groups.iter().flat_map(|group| group.values.iter().flatten().copied()), LEFT, 580.0);
        let mut svg = opening(height, &self.title);
        legend(&mut svg, self.series.iter().map(String::as_str));
        for tick in axis.ticks() {
            let x = axis.at(tick);
            let _ = writeln!(svg, r#"<line x1="{x:.1}" y1="46" x2="{x:.1}" y2="{:.1}"/>"#, height - 20.0);
            let _ = writeln!(
                svg,
                r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                height - 6.0,
                short(tick)
            );
        }
        for (index, group) in self.groups.iter().enumerate() {
            let top = 50.0 + step * index as f64;
            let _ = writeln!(
                svg,
                r#"<text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
                LEFT - 8.0,
                top + step / 2.0,
                escaped(&group.name)
            );
            for (series, value) in group.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let (y, width) = (top + BAR * series as f64, axis.at(*value) - LEFT);
                let colour = COLOURS[series % COLOURS.len()];
                let _ = writeln!(
                    svg,
                    r#"<rect x="{LEFT}" y="{y:.1}" width="{:.1}" height="{}" fill="{colour}"/><text x="{:.1}" y="{:.1}">{}</text>"#,
                    width.max(1.0),
                    BAR - 1.0,
                    LEFT + width.max(1.0) + 4.0,
                    y + BAR - 1.5,
                    short(*value)
                );
            }
        }
        svg + "</svg>\n"
    }
}

impl Curves {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        const HEIGHT: f64 = 380.0;
        let points = || self.series.iter().flat_map(|(_, points)| points.iter().copied());
        let across = Axis::over(points().map(|(x, _)| x).collect::<Vec<_>>().into_iter(), 70.0, 740.0);
        let up = Axis::over(points().map(|(_, y)| y).collect::<Vec<_>>().into_iter(), HEIGHT - 50.0, -(HEIGHT - 110.0));
        let mut svg = opening(HEIGHT, &self.title);
        legend(&mut svg, self.series.iter().map(|(name, _)| name.as_str()));
        for tick in up.ticks() {
            let y = up.at(tick);
            let _ = writeln!(svg, r#"<line x1="70" y1="{y:.1}" x2="810" y2="{y:.1}"/>"#);
            let _ = writeln!(svg, r#"<text x="62" y="{:.1}" text-anchor="end">{}</text>"#, y + 4.0, short(tick));
        }
        for tick in across.ticks() {
            let x = across.at(tick);
            let _ = writeln!(svg, r#"<line x1="{x:.1}" y1="60" x2="{x:.1}" y2="330"/>"#);
            let _ = writeln!(svg, r#"<text x="{x:.1}" y="346" text-anchor="middle">{}</text>"#, short(tick));
        }
        let _ = writeln!(svg, r#"<text x="440" y="368" text-anchor="middle">{}</text>"#, escaped(&self.across));
        for (series, (_, points)) in self.series.iter().enumerate() {
            let colour = COLOURS[series % COLOURS.len()];
            let at: Vec<_> = points.iter().map(|(x, y)| (across.at(*x), up.at(*y))).collect();
            let line: Vec<_> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(
                svg,
                r#"<polyline fill="none" stroke="{colour}" stroke-width="2" points="{}"/>"#,
                line.join(" ")
            );
            for (x, y) in at {
                let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#);
            }
        }
        svg + "</svg>\n"
    }
}

fn opening(height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\">\n<style>{STYLE}</style>\n<text class=\"t\" x=\"10\" y=\"18\">{}</text>\n",
        escaped(title)
    )
}

fn legend<'a>(svg: &mut String, names: impl Iterator<Item = &'a str>) {
    let mut x = 10.0;
    for (series, name) in names.enumerate() {
        let colour = COLOURS[series % COLOURS.len()];
        let _ = writeln!(
            svg,
            r#"<rect x="{x:.0}" y="27" width="11" height="11" fill="{colour}"/><text x="{:.0}" y="37">{}</text>"#,
            x + 16.0,
            escaped(name)
        );
        x += 40.0 + 7.0 * name.len() as f64;
    }
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => {
            format!("{}M", value / 1e6).chars().take(6).collect::<String>().trim_end_matches('.').to_owned()
        }
        value if value >= 1e4 => format!("{:.0}k", value / 1e3),
        value if value >= 100.0 => format!("{value:.0}"),
        value => format!("{:.1}", value).trim_end_matches(".0").to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
