//! The page, in a browser.
//!
//! The browser is Debian's chromium, without a window, spoken to by the DevTools protocol over a pipe. Where it is not found the
//! tests say so and pass; with `TROMMEL_REQUIRE_SERVERS=1` they fail. With `TROMMEL_SCREENSHOTS=DIR` they leave pictures there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use trommel::plan::{CatalogFile, TriggerRequest};
use trommel::server::Settings;
use trommel::store::Destination;

use super::{Served, Shop};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page in a browser of its own.
struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Json>,
    session: Option<String>,
    sent: u64,
    events: Vec<Json>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// `None`: there is none, which is said.
    fn open(address: &str) -> Option<Browser> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let is_there =
            |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success());
        let Some(program) = names.iter().find(is_there) else {
            let is_required = std::env::var_os("TROMMEL_REQUIRE_SERVERS").is_some_and(|required| required == "1");
            assert!(!is_required, "no chromium, and TROMMEL_REQUIRE_SERVERS=1");
            eprintln!("not tested: no chromium");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The browser reads commands from its file 3 and writes to its file 4, each message ended by a zero.
        let mut process = Command::new("sh");
        process.args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", program]);
        // No sandbox: it cannot be made in many containers, and the page is ours.
        process.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
        ]);
        process.arg(format!("--user-data-dir={}", profile.path().display()));
        // It leaves files there too.
        process.env("TMPDIR", profile.path());
        let mut process = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (commands, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            for message in BufReader::new(from).split(0) {
                let Ok(message) = message else { break };
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut browser =
            Browser { process, commands, messages, session: None, sent: 0, events: Vec::new(), _profile: profile };
        let target = browser.send("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.send("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.send(&format!("{domain}.enable"), json!({}));
        }
        browser.send("Page.navigate", json!({"url": address}));
        browser.wait_for("location.protocol === 'http:' && document.readyState === 'complete'");
        Some(browser)
    }

    /// Sends a command and waits for its result.
    #[track_caller]
    fn send(&mut self, method: &str, params: Json) -> Json {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let message = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{method}: {error}"));
            if message["id"] == json!(self.sent) {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    fn value(&mut self, expression: &str) -> Json {
        let evaluate = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.send("Runtime.evaluate", evaluate);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    #[track_caller]
    fn text(&mut self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_else(|| panic!("{expression} is no text")).to_owned()
    }

    #[track_caller]
    fn wait_for(&mut self, condition: &str) {
        let since = Instant::now();
        while self.value(condition) != json!(true) {
            if since.elapsed() > PATIENCE {
                let page = self.text("document.body.innerText");
                panic!("not so: {condition}\n{page}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses a key; `modifiers`: 2 is Ctrl.
    fn press(&mut self, key: &str, modifiers: u8) {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            " " => (32, Some(" ")),
            "a" => (65, None),
            _ => panic!("no key {key}"),
        };
        let mut event =
            json!({"type": "rawKeyDown", "key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers});
        if let Some(text) = text {
            event["type"] = json!("keyDown");
            event["text"] = json!(text);
        }
        if key == "a" && modifiers == 2 {
            event["commands"] = json!(["selectAll"]);
        }
        self.send("Input.dispatchKeyEvent", event.clone());
        event["type"] = json!("keyUp");
        self.send("Input.dispatchKeyEvent", event);
    }

    /// Writes where the focus is, over what is there.
    fn write_over(&mut self, text: &str) {
        self.press("a", 2);
        self.send("Input.insertText", json!({"text": text}));
    }

    /// Goes on by Tab until the focus is on what a selector means.
    #[track_caller]
    fn tab_to(&mut self, selector: &str) {
        for _ in 0..40 {
            self.press("Tab", 0);
            if self.value(&format!("document.activeElement.matches({})", json!(selector))) == json!(true) {
                return;
            }
        }
        panic!("Tab does not lead to {selector}");
    }

    /// Opens the page with a key, by the keyboard.
    fn unlock(&mut self, key: &str) {
        self.tab_to("#key");
        self.write_over(key);
        self.press("Enter", 0);
        self.wait_for("document.activeElement.matches('#collection, #namespace')");
    }

    /// Does what makes the page ask for a route, which is then answered in the place of the server.
    #[track_caller]
    fn stand_in(&mut self, route: &str, act: &str, answer: StoodIn) {
        self.send("Fetch.enable", json!({"patterns": [{"urlPattern": format!("*{route}*")}]}));
        let from = self.events.len();
        self.value(act);
        let is_asked = |event: &Json| event["method"] == "Fetch.requestPaused";
        let id = loop {
            if let Some(asked) = self.events[from..].iter().find(|event| is_asked(event)) {
                break asked["params"]["requestId"].clone();
            }
            let message = self.messages.recv_timeout(PATIENCE);
            self.events.push(message.unwrap_or_else(|error| panic!("{route} is not asked for: {error}")));
        };
        match answer {
            Some((status, content, body)) => {
                let headers = json!([{"name": "Content-Type", "value": content}]);
                let answer = json!({"requestId": id, "responseCode": status, "responseHeaders": headers, "body": STANDARD.encode(body)});
                self.send("Fetch.fulfillRequest", answer)
            }
            None => self.send("Fetch.failRequest", json!({"requestId": id, "errorReason": "ConnectionReset"})),
        };
        self.send("Fetch.disable", json!({}));
    }

    fn look(&mut self, width: u32, scheme: &str) {
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.send("Emulation.setDeviceMetricsOverride", screen);
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.send("Emulation.setEmulatedMedia", media);
        self.settle();
    }

    /// Waits until what follows the last change is drawn: the frame after the next.
    fn settle(&mut self) {
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true)))))");
    }

    /// A picture of the whole page, if somebody wants it.
    fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("TROMMEL_SCREENSHOTS") else { return };
        self.settle();
        let taken = self.send("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
        let picture = taken["data"].as_str().unwrap();
        // Decoded by whoever looks: the test has no other use for it.
        std::fs::write(Path::new(&folder).join(format!("{name}.png.base64")), picture).unwrap();
    }

    /// What every test asks at its end: the page stayed with its server, kept the key to itself, and broke nothing.
    #[track_caller]
    fn expect_tidy(&mut self, served: &Served, key: &str) {
        let origin = format!("http://{}/", served.address);
        let mut requests = 0;
        for event in &self.events {
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => {
                    let url = event["params"]["request"]["url"].as_str().unwrap();
                    assert!(url.starts_with(&origin) || url == "data:,", "{url}");
                    assert!(!url.contains(key), "{url}");
                    requests += 1;
                }
                "Log.entryAdded" => {
                    // An answer with an error is one, and no mistake of the page.
                    assert_eq!(event["params"]["entry"]["source"], "network", "{event}");
                }
                "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" => panic!("{event}"),
                _ => {}
            }
        }
        assert!(requests > 3, "{requests}");
        let kept = "document.documentElement.outerHTML + JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie
            + location.href + [...document.querySelectorAll('input, textarea')].map((field) => field.value).join()";
        assert!(!self.text(kept).contains(key));
        assert_eq!(self.value("localStorage.length + sessionStorage.length"), 0);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It is gone with its pipe, or else by force.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn open(shop: &Shop) -> (Served, Option<Browser>) {
    let served = Served::new(&shop.file, Settings::default());
    let browser = Browser::open(&format!("http://{}/", served.address));
    (served, browser)
}

/// Filters with one mistake or more, in both notations. Some have characters before it that take several bytes or units.
const WRONG: [&str; 6] = [
    r#"status = "pending" AND name MATCHES "(""#,
    "status =",
    "\"\u{e9}\u{1f600}\" = 1 AND n >> 3",
    r#"{"AND": [{"field": "n", "operator": "gtt", "value": 1}, {"field": "m", "operator": "in", "value": 3}]}"#,
    "{\"AND\": [\n  {\"\u{1f600}\": 1},\n  {\"field\": \"x\", \"operator\": \"eqq\", \"value\": 1}\n]}",
    r#"{"AND": [{"a": 1}"#,
];

#[test]
fn mistakes_are_marked_where_they_are_while_they_are_written() {
    let shop = Shop::new();
    let (served, Some(mut browser)) = open(&shop) else { return };
    browser.unlock(&shop.key);
    browser.tab_to("#filter");
    for text in WRONG {
        let (schema, parser) = (trommel::Schema::open(), trommel::parse::Parser::new());
        let error = match text.starts_with('{') {
            true => schema.parse_json(&parser, text).unwrap_err(),
            false => schema.parse_text(&parser, text).unwrap_err(),
        };
        browser.write_over(text);
        // Nobody has to leave the field or press anything. The list of what was written before is gone first.
        let first = &error.diagnostics()[0];
        let listed = "[...document.querySelectorAll('#mistakes li')].map((item) => item.dataset.code)";
        let codes: Vec<&str> = error.diagnostics().iter().map(|one| one.code.as_str()).collect();
        browser.wait_for(&format!(
            "document.querySelector('#marks mark') && JSON.stringify({listed}) === {}",
            json!(json!(codes).to_string())
        ));
        assert_eq!(browser.value("find('filter').getAttribute('aria-invalid')"), "true");
        let described = browser.text("find('filter').getAttribute('aria-describedby')");
        assert!(described.split(' ').any(|id| id == "mistakes"), "{described}");
        let says = browser.text("find('mistakes').innerText");
        let message: String = first.message.chars().skip(1).collect();
        assert!(says.contains(&message), "{says}");
        assert!(first.hint.iter().all(|hint| says.contains(hint.as_str())), "{says}");

        let span = first.place.span.clone().unwrap();
        let units = |to: usize| text[..to].encode_utf16().count();
        let mark = browser.value(
            "(() => { const mark = document.querySelector('#marks mark'), before = document.createRange();
                before.setStart(find('marks'), 0); before.setEndBefore(mark);
                return [before.toString().length, mark.textContent, mark.getClientRects().length > 0]; })()",
        );
        assert_eq!(mark, json!([units(span.start), text[span.clone()], true]), "{text}");
        // The place is a button that leads there.
        let range = browser.value(
            "(document.querySelector('#mistakes button').click(),
              [document.activeElement.id, find('filter').selectionStart, find('filter').selectionEnd])",
        );
        assert_eq!(range, json!(["filter", units(span.start), units(span.end)]), "{text}");
        browser.picture("mistake");
    }
    // The marks lie under the letters only if both are set alike.
    let alike = "(() => { const [over, under] = [find('filter'), find('marks')].map((one) => [getComputedStyle(one), one.getBoundingClientRect()]);
        const same = ['font', 'letterSpacing', 'lineHeight', 'padding', 'whiteSpace', 'overflowWrap', 'wordBreak', 'tabSize', 'borderWidth', 'textIndent'];
        return [...same.filter((key) => over[0][key] !== under[0][key]),
          ...['x', 'y', 'width', 'height'].filter((key) => Math.abs(over[1][key] - under[1][key]) > .5)]; })()";
    assert_eq!(browser.value(alike), json!([]));
    // Nothing that is wrong is previewed.
    browser.press("Enter", 2);
    browser.wait_for("!held.isBusy && document.activeElement.id === 'filter'");
    assert_eq!(browser.value("[find('act').hidden, find('preview').children.length]"), json!([true, 0]));
    browser.write_over(r#"a = "b""#);
    browser.wait_for(
        "find('filter-says').textContent === 'Valid.' && find('filter').getAttribute('aria-invalid') === 'false'",
    );
    assert_eq!(browser.value("document.querySelectorAll('#marks mark, #mistakes li').length"), 0);
    browser.expect_tidy(&served, &shop.key);
}

/// The whole way by the keyboard: a preview, a plan that goes stale, a trigger.
#[test]
fn a_trigger_is_previewed_refused_when_stale_and_sent() {
    let shop = Shop::new();
    let (served, Some(mut browser)) = open(&shop) else { return };
    let mut store = shop.store();
    browser.unlock(&shop.key);
    let labels = "document.querySelectorAll('#sources label')";
    browser
        .wait_for(&format!("find('collection').selectedOptions[0].textContent === 'frames' && {labels}.length === 3"));
    for bucket in ["bkt_photos", "bkt_scans"] {
        browser.tab_to(&format!("[value={bucket}]"));
        browser.press(" ", 0);
    }
    browser.tab_to("#filter");
    let filter = r#"status = "pending" AND (title MATCHES "a.*b|^[a-m]" OR n > 12345678901234567890)"#;
    browser.write_over(filter);
    browser.tab_to("#ask");
    browser.press("Enter", 0);
    browser.wait_for("!find('act').hidden && document.activeElement.id === 'preview-title'");

    let schema = trommel::Schema::open();
    let as_json = schema.parse_text(&trommel::parse::Parser::new(), filter).unwrap().to_string();
    let request = format!(r#"{{"include_buckets": ["bkt_photos", "bkt_scans"], "source_filters": {as_json}}}"#);
    let request = TriggerRequest::from_json(&request).unwrap();
    let plan = store.plan("demo", "frames", &request).unwrap();
    expect_preview(&mut browser, &serde_json::to_value(plan.to_json()).unwrap());
    browser.picture("preview");

    // What is written meanwhile makes the plan stale, and nothing is triggered.
    let mut import = store.import("demo", Destination::Bucket("photos")).unwrap();
    import.add(br#"{"object_id": "new", "status": "pending", "title": "a"}"#).unwrap().unwrap();
    import.finish().unwrap();
    browser.tab_to("#trigger");
    browser.press("Enter", 0);
    browser.wait_for("find('again') !== null && document.activeElement === find('again')");
    assert_eq!(browser.text("find('moved').innerText"), "the bucket `bkt_photos`");
    assert_eq!(browser.value("find('trigger').disabled"), true);
    assert_eq!(store.stats().unwrap()[0].batches, 0);
    browser.picture("stale");

    browser.press("Enter", 0);
    browser.wait_for("find('again') === null && !find('trigger').disabled");
    let now = store.plan("demo", "frames", &request).unwrap();
    assert_eq!(now.total.n(), plan.total.n() + 1);
    let row = browser.text("document.querySelector('[data-source=bkt_photos]').innerText");
    let [before, after] = [&plan, &now].map(|plan| plan.sources[0].count.to_string());
    assert!(row.contains(&after) && row.contains(&format!("was {before}")), "{row}");

    // A form that says something else than the preview: the button is not for it.
    browser.value("find('ids').focus()");
    browser.send("Input.insertText", json!({"text": "x"}));
    assert_eq!(browser.value("find('trigger').disabled"), true);
    browser.write_over("");
    browser.value("find('ids').value = ''");
    browser.press("Enter", 2);
    browser.wait_for("!find('trigger').disabled");

    browser.tab_to("#trigger");
    browser.press("Enter", 0);
    browser.wait_for("find('batch-status') !== null && find('batch-status').textContent.startsWith('queued')");
    let (batch, task) = (browser.text("find('batch-id').innerText"), browser.text("find('task-id').innerText"));
    let written = store.batch(&batch).unwrap();
    assert_eq!((written.task_id, written.object_count), (task, Some(now.total.n())));
    assert_eq!(store.batch_members(&batch).unwrap().len() as u64, now.total.n());
    // Once.
    assert_eq!(browser.value("find('trigger').disabled"), true);
    assert_eq!(store.stats().unwrap()[0].batches, 1);
    browser.picture("triggered");
    browser.expect_tidy(&served, &shop.key);
}

/// What the page shows is what the plan says.
#[track_caller]
fn expect_preview(browser: &mut Browser, plan: &Json) {
    let number = |n: &Json| {
        let digits = n.as_u64().unwrap().to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(",")
    };
    let words = |count: &Json| match count["kind"].as_str().unwrap() {
        "exact" => number(&count["n"]),
        "at_most" => format!("at most {}", number(&count["n"])),
        _ => format!("at least {}", number(&count["n"])),
    };
    let list = |json: &Json| json.as_array().unwrap().clone();
    let counted = browser.value("['exact', 'at_most', 'at_least'].map((kind) => counted({kind, n: 1234567}))");
    assert_eq!(counted, json!(["1,234,567", "at most 1,234,567", "at least 1,234,567"]));
    let total = browser.text("document.querySelector('.total').innerText");
    assert_eq!(total, format!("{} objects, {} tiers", words(&plan["total"]), plan["total_tiers"]));
    assert!(browser.text("find('trigger').innerText").contains(&words(&plan["total"])));
    for source in list(&plan["sources"]) {
        let row = browser
            .text(&format!("document.querySelector('[data-source={}]').innerText", source["id"].as_str().unwrap()));
        assert!(row.contains(source["name"].as_str().unwrap()) && row.contains(&words(&source["count"])), "{row}");
        let effect = match &source["unique_key"] {
            Json::Null => format!("{} duplicated", number(&source["would_duplicate"])),
            _ => format!("{} overwritten", number(&source["would_overwrite"])),
        };
        assert!(row.contains(&effect), "{row}: {effect}");
    }
    // The graph: every collection in the band of its step, and an edge for each that feeds another.
    let drawn = browser.value(
        "(() => { const bands = [...document.querySelectorAll('svg .band')].map((band) => band.getBoundingClientRect());
            const nodes = [...document.querySelectorAll('svg [data-node]')].map((node) => {
              const { top, bottom } = node.querySelector('rect').getBoundingClientRect();
              return [bands.findIndex((band) => band.top <= top && bottom <= band.bottom), node.dataset.node]; });
            return {nodes: nodes.sort(), edges: document.querySelectorAll('svg .edge').length}; })()",
    );
    let sources = list(&plan["sources"]);
    let mut nodes: Vec<(usize, String)> =
        sources.iter().map(|source| (0, format!("source {}", source["id"].as_str().unwrap()))).collect();
    let mut edges = sources.len();
    for tier in list(&plan["tiers"]) {
        for collection in list(&tier["collections"]) {
            let step = usize::try_from(tier["step"].as_u64().unwrap()).unwrap();
            nodes.push((step + 1, collection["id"].as_str().unwrap().to_owned()));
            edges += collection["from"].as_array().unwrap().len();
        }
    }
    nodes.sort();
    assert_eq!(drawn, json!({"nodes": nodes, "edges": edges}));
    // What is pushed down and what is rechecked, leaf by leaf.
    let covers =
        browser.value("[...document.querySelectorAll('#leaves [data-cover]')].map((row) => row.dataset.cover)");
    let leaves = list(&plan["explain"]["leaves"]);
    let wanted: Vec<&Json> = leaves.iter().map(|leaf| &leaf["cover"]).collect();
    assert_eq!(covers, json!(wanted));
    assert!(
        wanted.iter().any(|cover| **cover == json!("exact")) && wanted.iter().any(|cover| **cover != json!("exact"))
    );
    let shown = browser.text("find('preview').textContent");
    assert!(shown.contains(plan["explain"]["pushed"].as_str().unwrap()));
    // A number of more digits than a double holds is shown, and was asked for, as it was written.
    assert!(shown.contains("12345678901234567890"), "{shown}");
    for (member, text) in [("warnings", "message"), ("skipped", "reason")] {
        for said in list(&plan[member]) {
            let said: String = said[text].as_str().unwrap().chars().skip(1).collect();
            assert!(shown.contains(&said), "{said}");
        }
    }
}

/// Names, ids and operands of others are text, whatever they look like; and a key may hold several namespaces.
#[test]
fn what_others_wrote_is_never_html() {
    let shop = Shop::new();
    let hostile = "<img src=x onerror=document.title=1>&lt;\u{202e}";
    let mut store = shop.store();
    let catalog = json!({
        "buckets": [{"bucket_id": "bkt_<b>\"'", "name": hostile, "unique_key": {"fields": ["<i>"]}}],
        "collections": [{
            "collection_id": "col_/?#&<b>", "name": format!("c {hostile}"),
            "source": {"type": "bucket", "bucket_ids": ["bkt_<b>\"'"]},
        }],
    });
    store.apply("hostile", CatalogFile::from_json(&catalog.to_string()).unwrap()).unwrap();
    let mut import = store.import("hostile", Destination::Bucket("bkt_<b>\"'")).unwrap();
    import.add(br#"{"object_id": "</script><b>", "status": "<b>"}"#).unwrap().unwrap();
    import.finish().unwrap();
    let key = store.create_key(&["demo", "hostile"]).unwrap().key;
    let (served, Some(mut browser)) = open(&shop) else { return };
    browser.unlock(&key);
    let choose = "(() => { const list = find('namespace'); list.value = [...list.options].find((one) => one.textContent === 'hostile').value;
        list.dispatchEvent(new Event('change', {bubbles: true})); })()";
    browser.value(choose);
    browser.wait_for("find('collection').options.length === 1");
    assert_eq!(browser.text("find('collection').options[0].textContent"), format!("c {hostile}"));
    browser.value("find('ids').focus()");
    browser.send("Input.insertText", json!({"text": "</script><b>\nother"}));
    browser.tab_to("#filter");
    browser.write_over("status = \"<b>\" AND \"<u>\" NOT EXISTS");
    browser.press("Enter", 2);
    browser.wait_for("!find('act').hidden");
    assert_eq!(browser.text("document.querySelector('.total').innerText"), "1 object, 1 tier");
    assert_eq!(browser.text("document.querySelector('#source-table tbody .name').textContent"), hostile);
    // A long name is cut to its box in the graph, and whole in its title.
    let drawn =
        "[...document.querySelectorAll('svg [data-node]')].map((node) => [node.querySelector('title').textContent,
        node.querySelector('.label').getBBox().width < node.querySelector('rect').getBBox().width])";
    assert_eq!(browser.value(drawn), json!([[hostile, true], [format!("c {hostile}"), true]]));
    browser.value("find('trigger').click()");
    browser.wait_for("find('batch-status') !== null && find('batch-status').textContent.startsWith('queued')");
    assert_eq!(browser.value("document.querySelectorAll('img, b, i, u').length"), 0);
    assert_eq!(browser.text("document.title"), "Trommel: what a trigger would touch");
    // A key that was revoked meanwhile is forgotten, with all that it opened.
    let known = store.keys().unwrap();
    for one in known.iter().filter(|one| one.namespaces.len() == 2) {
        store.revoke_key(&one.key_id).unwrap();
    }
    browser.value("find('ask').click()");
    browser.wait_for(
        "document.activeElement.id === 'key' && find('request').hidden && find('access-says').innerText !== ''",
    );
    assert_eq!(browser.value("[held.key, find('preview').children.length, find('filter').value]"), json!(["", 0, ""]));
    browser.expect_tidy(&served, &key);
}

/// A status, a content type and a body; `None`: the connection breaks.
type StoodIn = Option<(u16, &'static str, &'static str)>;

/// What is answered in the place of the server, and what the page says of it.
const NO_ANSWERS: [(StoodIn, &str); 8] = [
    (Some((502, "text/html", "<html><b>Bad Gateway</b></html>")), "of the status 502, is none of the server's"),
    (Some((504, "text/plain", "")), "of the status 504, is none of the server's"),
    (
        Some((200, "text/html", "<!doctype html><title>Sign in</title><b>Sign in</b>")),
        "of the status 200, is none of the server's",
    ),
    (Some((200, "application/json", "null")), "of the status 200, is none of the server's"),
    (Some((200, "application/json", r#"{"ok": true}"#)), "of the status 200, is none of the server's"),
    (Some((200, "application/json", "[]")), "of the status 200, is none of the server's"),
    (Some((500, "application/json", r#"{"success": false}"#)), "of the status 500, is none of the server's"),
    (None, "The server does not answer."),
];

/// Whatever stands between, and says something else or nothing: no answer is taken for the server's, what may have happened is
/// said to be unknown, and all goes on when the server answers again.
#[test]
fn what_is_no_answer_of_the_server_is_not_taken_for_one() {
    let shop = Shop::new();
    let both = shop.store().create_key(&["demo", "other"]).unwrap().key;
    let (served, Some(mut browser)) = open(&shop) else { return };
    let ask = "find('ask').click()";
    let wrong = |place: &str, says: &str| format!("find({}).innerText.includes({})", json!(place), json!(says));
    for (answer, says) in NO_ANSWERS {
        browser.value(&format!("find('key').value = {}", json!(both)));
        browser.stand_in("/v1/namespaces", "find('key-form').requestSubmit()", answer);
        browser.wait_for(&wrong("access-says", says));
        assert_eq!(browser.value("[find('request').hidden, find('key').ariaInvalid]"), json!([true, null]));
    }
    browser.value("find('key-form').requestSubmit()");
    browser.wait_for("document.activeElement.matches('#namespace') && find('filter-says').textContent === ''");
    assert_eq!(browser.text("find('access-says').innerText"), "");
    for (answer, says) in NO_ANSWERS {
        browser.value(&format!("find('filter').value = {}", json!(r#"status = "pending""#)));
        browser.stand_in("/filter/check", "find('filter').dispatchEvent(new Event('input', {bubbles: true}))", answer);
        browser.wait_for(&wrong("preview-wrong", says));
        assert_eq!(browser.text("find('filter-says').textContent"), "Not checked.");
        assert_eq!(browser.value("find('as-json').disabled && find('as-text').disabled"), true);
        // A preview asks for the filter first, and for nothing where that is not known to be one.
        browser.stand_in("/filter/check", ask, answer);
        browser.wait_for(&format!("!held.isBusy && {}", wrong("preview-wrong", says)));
        assert_eq!(browser.value("find('act').hidden && find('preview').children.length === 0"), true);
        browser.value("checker.soon(0)");
        browser.wait_for("find('filter-says').textContent === 'Valid.' && find('preview-wrong').innerText === ''");

        browser.value(ask);
        browser.wait_for("!held.isBusy && !find('act').hidden");
        browser.stand_in("/trigger/preview", ask, answer);
        browser.wait_for(&format!("!held.isBusy && {}", wrong("preview-wrong", says)));
        assert_eq!(browser.value("find('act').hidden && find('preview').children.length === 0"), true);

        browser.value(ask);
        browser.wait_for("!held.isBusy && !find('act').hidden && find('preview-wrong').innerText === ''");
        browser.stand_in("/trigger/plan", "find('trigger').click()", answer);
        browser.wait_for(&format!("!held.isBusy && {}", wrong("result", says)));
        assert_eq!(browser.value(&wrong("result", "Whether it was triggered is not known")), true);
        assert_eq!(browser.value("find('trigger').disabled"), true);
    }
    assert_eq!(shop.store().stats().unwrap().iter().map(|found| found.batches).sum::<u64>(), 0);

    // What the server itself says, nothing having been written, may be tried again.
    browser.value(ask);
    browser.wait_for("!held.isBusy && !find('trigger').disabled");
    let late = r#"{"success": false, "status": 503, "error": {"type": "timeout", "message": "it <b>took</b> too long", "details": {"diagnostics": []}}}"#;
    browser.stand_in("/trigger/plan", "find('trigger').click()", Some((503, "application/json", late)));
    browser.wait_for(&format!("!held.isBusy && {}", wrong("result", "It <b>took</b> too long.")));
    assert_eq!(
        browser.value("[find('trigger').disabled, find('result').innerText.includes('not known')]"),
        json!([false, false])
    );
    // A batch that is there, its status that is not told.
    let (answer, says) = NO_ANSWERS[0];
    browser.stand_in("/v1/batches/", "find('trigger').click()", answer);
    browser.wait_for(&format!("!held.isBusy && {}", wrong("batch-status", says)));
    assert!(shop.store().batch(&browser.text("find('batch-id').innerText")).is_ok());
    browser.value("find('result').querySelector('button').click()");
    browser.wait_for("find('batch-status').textContent.startsWith('queued')");

    // Nothing of the one namespace is chosen in the other, which has not come.
    let turn = |name: &str| {
        format!(
        "(() => {{ const list = find('namespace'); list.value = [...list.options].find((one) => one.textContent === '{name}').value;
            list.dispatchEvent(new Event('change', {{bubbles: true}})); }})()"
    )
    };
    for (route, (answer, says)) in ["/v1/collections?", "/v1/buckets?"].into_iter().zip(NO_ANSWERS) {
        browser.stand_in(route, &turn("other"), answer);
        browser.wait_for(&wrong("preview-wrong", says));
        let left =
            "find('collection').options.length + find('sources').children.length + find('preview').children.length";
        assert_eq!(browser.value(&format!("[{left}, find('act').hidden]")), json!([0, true]));
        browser.value(&turn("demo"));
        browser.wait_for("find('collection').options.length === 12 && find('preview-wrong').innerText === ''");
    }
    browser.value(&turn("other"));
    browser.wait_for("find('collection').options.length === 1");
    assert_eq!(browser.value("document.querySelectorAll('b, title:not(head *)').length"), 0);
    browser.expect_tidy(&served, &both);
}

/// In every look: all of it within the width, letters that stand out, and a name for whoever cannot see it.
#[test]
fn the_page_is_for_everybody() {
    let shop = Shop::new();
    let (served, Some(mut browser)) = open(&shop) else { return };
    browser.unlock(&shop.key);
    browser.value("find('filter').focus()");
    browser.send("Input.insertText", json!({"text": "title MATCHES \"a.*b\" AND tags IN (\"x\")"}));
    browser.press("Enter", 2);
    browser.wait_for("!find('act').hidden");
    browser.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    browser.value("find('filter').focus()");
    for mistaken in [false, true] {
        if mistaken {
            browser.write_over("title MATCHES \"(\"");
            browser.wait_for("document.querySelector('#marks mark') !== null");
        }
        for (scheme, width) in [("light", 1280), ("light", 360), ("dark", 1280), ("dark", 360)] {
            browser.look(width, scheme);
            browser.picture(&format!("{scheme}-{width}-{mistaken}"));
            let wide = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{scheme} {width}");
            let fits =
                browser.value("find('graph').firstChild.getBoundingClientRect().width <= find('graph').clientWidth");
            assert_eq!(fits, true, "{scheme} {width}");
            assert_eq!(browser.value(PALE), json!([]), "{scheme} {width}");
            assert_eq!(browser.value(BROKEN), json!([]), "{scheme} {width}");
        }
    }
    let tree = browser.send("Accessibility.getFullAXTree", json!({}));
    let mut seen = Vec::new();
    for node in tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == json!(false)) {
        let (role, name) =
            (node["role"]["value"].as_str().unwrap_or_default(), node["name"]["value"].as_str().unwrap_or_default());
        // A group of details is named by its summary.
        let is_named = |role: &str| NAMED.contains(&role) || (role == "group" && !name.is_empty());
        if is_named(role) {
            assert!(!name.trim().is_empty(), "{node}");
            seen.push((role, name));
        }
    }
    for wanted in [
        ("textbox", "Filter"),
        ("textbox", "Object ids"),
        ("combobox", "Collection"),
        ("combobox", "Namespace"),
        ("group", "Sources: buckets"),
        ("checkbox", "photos"),
        ("button", "Preview"),
        ("heading", "Preview"),
    ] {
        assert!(seen.contains(&wanted), "{wanted:?}: {seen:?}");
    }
    assert!(seen.iter().any(|(role, _)| matches!(*role, "img" | "image")), "{seen:?}");
    assert_eq!(browser.value("find('graph-text').textContent.includes('step 3: report')"), true);
    let twice = "(() => { const ids = [...document.querySelectorAll('[id]')].map((one) => one.id); return ids.length - new Set(ids).size; })()";
    assert_eq!(browser.value(twice), 0);
    browser.expect_tidy(&served, &shop.key);
}

/// The roles of what has to have a name.
const NAMED: [&str; 10] =
    ["button", "textbox", "combobox", "checkbox", "heading", "img", "image", "region", "columnheader", "rowheader"];

/// The titles of columns that go over more than a line, each being a word.
const BROKEN: &str = "[...document.querySelectorAll('thead th')].map((title) => {
    const text = document.createRange();
    text.selectNodeContents(title);
    return [title.textContent, text.getClientRects().length];
}).filter(([, lines]) => lines !== 1)";

/// The texts that are seen with less than 4.5 to 1 against what is behind them (WCAG 2.2, 1.4.3).
const PALE: &str = "(() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = ([red, green, blue]) => [red, green, blue].map((part) => part / 255)
        .map((part) => (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [.2126, .7152, .0722][index], 0);
    const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const color = channels(getComputedStyle(one).backgroundColor);
            if (color.length < 4 || color[3] > 0) return color;
        }
        return [255, 255, 255];
    };
    const pale = [];
    const compare = (element, ink, ground) => {
        const [dark, light] = [ink, ground].map(luminance).sort((a, b) => a - b);
        const ratio = (light + .05) / (dark + .05);
        if (ratio < 4.5) pale.push(`${element.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement, style = getComputedStyle(element);
        const isSkipped = element.closest('script, noscript, svg, .marks, :disabled, option') || !element.checkVisibility();
        if (isSkipped || texts.currentNode.data.trim() === '') continue;
        compare(element, channels(style.color), behind(element));
        seen += 1;
    }
    for (const text of document.querySelectorAll('svg text')) {
        const ground = text.parentElement.querySelector(text.matches('.step') ? '.band' : '.node');
        compare(text, channels(getComputedStyle(text).fill), channels(getComputedStyle(ground).fill));
        seen += 1;
    }
    const filter = find('filter');
    compare(filter, channels(getComputedStyle(filter).color), behind(filter.parentElement));
    if (document.querySelector('#marks mark')) {
        compare(filter, channels(getComputedStyle(filter).color), behind(document.querySelector('#marks mark')));
    }
    return seen > 40 ? pale : ['too little is seen'];
})()";
