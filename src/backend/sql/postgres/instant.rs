//! Strings that are instants (T3), as microseconds.

use super::super::fragment::{Fragment, sql};

/// Whether a string is an instant for which a test holds.
///
/// `v` is the string. The CASE keeps what would fail from being computed for what is no instant: the expression holds
/// the lengths of the months and the leap years, so that the cast always succeeds. It has no backslash, which a server
/// may read either way.
pub(super) fn is_instant(x: &Fragment, test: impl FnOnce(&Fragment) -> Fragment) -> Fragment {
    sql![
        "EXISTS (SELECT 1 FROM (SELECT ",
        x,
        " COLLATE \"C\" AS v) i WHERE CASE WHEN v >= '0001' AND v ~ '^",
        "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)",
        "|02-(0[1-9]|1[0-9]|2[0-8]))",
        "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)",
        "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])?$' THEN ",
        test(&micros()),
        " ELSE FALSE END)",
    ]
}

fn micros() -> Fragment {
    sql![
        "(extract(epoch FROM (substr(v, 1, 10) || ' ' || substr(v, 12, 8))::timestamp)::int8 * 1000000 ",
        "+ rpad(coalesce(substring(v FROM '[.]([0-9]{1,6})'), ''), 6, '0')::int8 ",
        "- CASE WHEN substr(right(v, 6), 1, 1) IN ('+', '-') THEN (substr(right(v, 6), 1, 1) || '1')::int8 ",
        "* (left(right(v, 5), 2)::int8 * 60 + right(v, 2)::int8) * 60000000 ELSE 0 END)",
    ]
}
