//! SQL on real databases: the suite in every storage, hostile words, plans, and the forms themselves.

/// One test for each function and database: a function takes what opens one. Those whose server is not there pass, and
/// have said so (see `server`).
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(|| Box::new($crate::sql::database::Sqlite::text()));
            })+
        }

        mod sqlite_jsonb {
            $(#[test]
            fn $name() {
                super::$name(|| Box::new($crate::sql::database::Sqlite::jsonb()));
            })+
        }

        mod postgres {
            $(#[test]
            fn $name() {
                if $crate::sql::server::postgres().is_some() {
                    super::$name(|| Box::new($crate::sql::database::Postgres::connect().unwrap()));
                }
            })+
        }

        mod mariadb {
            $(#[test]
            fn $name() {
                if $crate::sql::server::mariadb().is_some() {
                    super::$name(|| Box::new($crate::sql::database::MariaDb::connect().unwrap()));
                }
            })+
        }
    };
}

pub(crate) mod agree;
mod collations;
pub(crate) mod database;
mod foreign;
mod forms;
mod hostile;
mod kinds;
mod mapping;
mod mariadb;
mod plans;
mod regexes;
mod server;
pub(crate) mod store;
mod suite;
