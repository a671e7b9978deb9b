//! Throwaway database servers: each test process that needs one starts it in a private folder, on a socket there, and
//! it ends with the process, however that ends.
//!
//! Where a server's programs are not found, its tests say so and pass; with `TROMMEL_REQUIRE_SERVERS=1` they fail.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How a server is made and run. The scripts are run by `sh` in its folder, with its programs in the PATH.
pub(crate) struct Recipe {
    name: &'static str,
    /// The program without which there is no server.
    program: &'static str,
    /// Where it may be beside the PATH: a folder, `*` for each folder there, and so on.
    places: &'static [&'static str],
    /// Who runs it where the tests run as root, which servers refuse: the first of these that there is.
    users: &'static [&'static str],
    /// Makes the data.
    prepare: &'static str,
    /// The server in the foreground, for `exec`.
    serve: &'static str,
    /// The signal that ends it at once.
    stop: &'static str,
}

const POSTGRES: Recipe = Recipe {
    name: "Postgres",
    program: "postgres",
    places: &["/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"],
    users: &["postgres", "nobody"],
    prepare: "initdb -D data -U test -A trust -E UTF8 --locale=C.UTF-8 --no-sync",
    serve: "postgres -D data -k \"$PWD\" -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
            -c max_connections=50 -c jit=off",
    stop: "QUIT",
};

const MARIADB: Recipe = Recipe {
    name: "MariaDB",
    program: "mariadbd",
    places: &["/usr/sbin", "/usr/local/sbin", "/usr/local/mysql/bin", "/opt/homebrew/opt/mariadb*/bin"],
    users: &["mysql", "nobody"],
    prepare: "mariadb-install-db --no-defaults --datadir=\"$PWD/data\" --auth-root-authentication-method=normal \
              --skip-test-db",
    serve: "mariadbd --no-defaults --datadir=\"$PWD/data\" --socket=\"$PWD/socket\" --pid-file=\"$PWD/pid\" --skip-networking \
            --skip-log-bin --innodb-flush-log-at-trx-commit=0 --max-allowed-packet=64M",
    stop: "KILL",
};

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    folder: PathBuf,
    /// Its standard input is open as long as this process lives: then it stops the server and removes the folder.
    _watch: Child,
}

/// The Postgres of this process; none where there are no programs for one.
pub(crate) fn postgres() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    let started = SERVER.get_or_init(|| POSTGRES.start(|folder| super::database::Postgres::at(folder).is_ok()));
    started.as_ref().unwrap_or_else(|error| panic!("{error}")).as_ref()
}

/// The MariaDB of this process; none where there are no programs for one.
pub(crate) fn mariadb() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    let started = SERVER.get_or_init(|| MARIADB.start(|folder| super::database::MariaDb::at(folder).is_ok()));
    started.as_ref().unwrap_or_else(|error| panic!("{error}")).as_ref()
}

impl Server {
    /// Where its socket is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Recipe {
    /// Starts the server and waits until it answers; none without its programs.
    fn start(&self, answers: impl Fn(&Path) -> bool) -> Result<Option<Server>, String> {
        let Some(programs) = self.programs() else {
            let where_to = format!("`{}` is neither in the PATH nor in {}", self.program, self.places.join(", "));
            if is_required() {
                return Err(format!("{where_to}, and TROMMEL_REQUIRE_SERVERS=1"));
            }
            eprintln!("{where_to}: nothing is tested on {}", self.name);
            return Ok(None);
        };
        let folder = tempfile::Builder::new().prefix("trommel-").tempdir().unwrap().keep();
        let watch = self.watched(&programs, &folder);
        let mut server = Server { folder, _watch: watch };
        let start = Instant::now();
        while !answers(&server.folder) {
            let has_ended = server._watch.try_wait().unwrap().is_some();
            if has_ended || start.elapsed() > Duration::from_secs(30) {
                let log = fs::read_to_string(server.folder.join("log")).unwrap_or_default();
                return Err(format!("{} does not start:\n{log}", self.name));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(server))
    }

    /// The folder of the programs: from the PATH, else the newest of the places.
    fn programs(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let holds = |folder: &PathBuf| folder.join(self.program).is_file();
        if let Some(found) = std::env::split_paths(&path).find(holds) {
            return fs::canonicalize(found.join(self.program)).ok()?.parent().map(Path::to_owned);
        }
        self.places.iter().flat_map(|place| expand(place)).filter(holds).max()
    }

    /// A shell that runs the server until its standard input ends: that outlives a panic, and a kill of this process.
    fn watched(&self, programs: &Path, folder: &Path) -> Child {
        let Recipe { prepare, serve, stop, .. } = self;
        let script = format!(
            "{prepare} >log 2>&1 || exit 1
            exec 3<&0
            (exec {serve} 3<&- </dev/null >>log 2>&1) &
            cat <&3 >/dev/null
            kill -{stop} $!; wait; cd /; rm -rf '{}'",
            folder.display(),
        );
        let mut path = OsString::from(programs);
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        // A group of its own: what interrupts the tests shall not end it before it has tidied up.
        shell.args(["-c", &script]).current_dir(folder).env("PATH", path).env("HOME", folder).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if fs::metadata(folder).unwrap().uid() == 0 {
            let (uid, gid) = self.users.iter().find_map(|name| user(name)).expect("a user that is not root");
            chown(folder, Some(uid), Some(gid)).unwrap();
            shell.uid(uid).gid(gid);
        }
        shell.spawn().unwrap()
    }
}

fn is_required() -> bool {
    std::env::var_os("TROMMEL_REQUIRE_SERVERS").is_some_and(|required| required == "1")
}

/// The ids of a user and its group.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The folders that a pattern names: a part that ends with `*` stands for each name that begins so.
fn expand(pattern: &str) -> Vec<PathBuf> {
    pattern.split('/').skip(1).fold(vec![PathBuf::from("/")], |folders, part| {
        let Some(start) = part.strip_suffix('*') else {
            return folders.into_iter().map(|folder| folder.join(part)).collect();
        };
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
            .map(|entry| entry.path())
            .collect()
    })
}
