//! Strings that are instants (T3), as microseconds.

use super::super::fragment::{Fragment, sql};

/// Whether a string is an instant for which a test holds.
///
/// The string is taken apart in three steps, each a subquery, so that each part has a name: `v` the string, `t` what
/// follows the seconds, `z` the length of the zone, `f` the fraction with its point. `date` normalises, so that it
/// gives back only a date that there is; and a CASE keeps everything else from being computed for what is no instant.
pub(super) fn is_instant(x: &Fragment, test: impl FnOnce(&Fragment) -> Fragment) -> Fragment {
    sql![
        "EXISTS (SELECT 1 FROM (SELECT v, t, z, substr(t, 1, length(t) - z) AS f FROM (SELECT v, t, ",
        "CASE WHEN t GLOB '*Z' THEN 1 WHEN t GLOB '*[-+][0-2][0-9]:[0-5][0-9]' THEN 6 ELSE 0 END AS z ",
        "FROM (SELECT v, substr(v, 20) AS t FROM (SELECT ",
        x,
        " AS v)))) WHERE CASE WHEN ",
        "v GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]*' ",
        "AND instr(v, char(0)) = 0 AND v >= '0001' AND substr(v, 12, 2) <= '23' ",
        "AND date(substr(v, 1, 10)) = substr(v, 1, 10) AND (z < 6 OR substr(t, -5, 2) <= '23') ",
        "AND (f = '' OR (f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*')) THEN ",
        test(&micros()),
        " ELSE FALSE END)",
    ]
}

fn micros() -> Fragment {
    sql![
        "(CAST(strftime('%s', substr(v, 1, 19)) AS INTEGER) * 1000000 ",
        "+ CAST(substr(substr(f, 2) || '000000', 1, 6) AS INTEGER) ",
        "- CASE WHEN z < 6 THEN 0 ELSE CAST(substr(t, -6, 1) || '1' AS INTEGER) ",
        "* (CAST(substr(t, -5, 2) AS INTEGER) * 60 + CAST(substr(t, -2) AS INTEGER)) * 60000000 END)",
    ]
}
