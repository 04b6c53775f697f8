//! The figures as Markdown, for people and for the README.

use crate::{Figures, java::Jdk, java_tls, remote::Row, rounds::Pair, store};

/// Everything that was measured.
pub(crate) fn render(figures: &Figures) -> String {
    let machine = &figures.machine;
    let mut text = format!(
        "{}, {} cores; {}; {}; {}. Median of {} rounds in alternation, {} s each.\n",
        machine.processor,
        machine.cores,
        machine.openssl,
        machine.nginx,
        machine.rustc,
        figures.rounds,
        figures.seconds_each
    );
    if !figures.handshakes.is_empty() {
        text += "\nnginx, full TLS 1.3 handshakes per second\n\n\
                 | key | in Keyward | in a local file | ratio | µs of nginx + service | µs of nginx, local \
                 file |\n|---|--:|--:|--:|--:|--:|\n";
        for row in &figures.handshakes {
            let (pair, micros) = (&row.pair, &row.micros);
            text += &format!(
                "| {} | {:.0} | {:.0} | {:.2} ({:.2} – {:.2}) | {:.0} + {:.0} | {:.0} |\n",
                row.key_type,
                pair.keyward,
                pair.peer,
                pair.ratio,
                pair.range[0],
                pair.range[1],
                micros.nginx,
                micros.service,
                micros.nginx_local
            );
        }
    }
    if let Some(first) = figures.remote.first() {
        text += &format!(
            "\nOne thread of HAProxy, the service {} ms away, full TLS 1.3 handshakes per second\n\n\
             | key | with async jobs | without | ratio |\n|---|--:|--:|--:|\n",
            first.delay_ms
        );
        for Row { key_type, pair, .. } in &figures.remote {
            let Pair { keyward, peer, ratio, range } = pair;
            text += &format!(
                "| {key_type} | {keyward:.0} | {peer:.0} | {ratio:.1} ({:.1} – {:.1}) |\n",
                range[0], range[1]
            );
        }
    }
    if let Some(first) = figures.signatures.first() {
        let clients: Vec<usize> = first.by_clients.iter().map(|one| one.clients).collect();
        let heads = clients.iter().map(|clients| format!(" {clients} |")).collect::<String>();
        text += "\nSignatures per second through the service on one core, as a ratio to aws-lc on \
                 that core, by the number of clients\n\n";
        text += &format!("| key | aws-lc | OpenSSL |{heads}\n|---|--:|--:|");
        text += &"--:|".repeat(clients.len());
        for row in &figures.signatures {
            let aws_lc = row.by_clients.last().map_or(f64::NAN, |one| one.pair.peer);
            text += &format!("\n| {} | {aws_lc:.0} | {:.0} |", row.key_type, row.openssl);
            for one in &row.by_clients {
                text += &format!(" {:.2} |", one.pair.ratio);
            }
        }
        text.push('\n');
    }
    if !figures.instructions.is_empty() {
        text += "\nInstructions of the provider in a signature, beside the round trip, and how long they \
                 take at the program's pace\n\n\
                 | key | provider | its own code | whole program | µs |\n|---|--:|--:|--:|--:|\n";
        for row in &figures.instructions {
            text += &format!(
                "| {} | {:.0} | {:.0} | {:.0} | {:.2} |\n",
                row.key_type, row.instructions, row.own, row.program, row.micros
            );
        }
    }
    if !figures.flood.is_empty() {
        text +=
            "\nLatency of P-256 signatures in µs\n\n| RSA-4096 | median | 99 % |\n|---|--:|--:|\n";
        for row in &figures.flood {
            let others = if row.flooded { "16 clients without pause" } else { "nobody" };
            text += &format!("| {others} | {:.0} | {:.0} |\n", row.p50_micros, row.p99_micros);
        }
    }
    if !figures.audit.is_empty() {
        text += "\nSignatures per second of a service on one core, by whether it records each use\n\n\
                 | key | recorded | not recorded | ratio |\n|---|--:|--:|--:|\n";
        for row in &figures.audit {
            let Pair { keyward, peer, ratio, range } = &row.pair;
            text += &format!(
                "| {} | {keyward:.0} | {peer:.0} | {ratio:.3} ({:.2} – {:.2}) |\n",
                row.key_type, range[0], range[1]
            );
        }
    }
    if !figures.store.is_empty() {
        text += &store(&figures.store);
    }
    for jdk in &figures.java {
        text += &java(jdk);
    }
    text
}

fn store(rows: &[store::Row]) -> String {
    let mut text = String::from(
        "\nA service with many keys, three of four P-256, the rest RSA-2048; median and 99 % in µs at the \
         client\n\n\
         | keys | imports per second | start in ms | memory in MiB | round trip | by name | by \
         identifier | first signature | page of 1,000 | all pages in s |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let pair = |of: &store::Latency| format!("{:.0} / {:.0}", of.p50_micros, of.p99_micros);
        text += &format!(
            "| {} | {:.0} | {:.0} | {:.0} | {} | {} | {} | {} | {} | {:.1} |\n",
            row.keys,
            row.imports_per_second,
            row.start_ms,
            row.memory_mib,
            pair(&row.round_trip),
            pair(&row.by_name),
            pair(&row.by_id),
            pair(&row.first_use),
            pair(&row.page),
            row.listing_seconds
        );
    }
    text += "\nSeconds to list all keys, and to back them up\n\n\
             | keys | keyward key list | openssl storeutl | keytool -list | backup in MiB | create | \
             verify | restore, verified |\n|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    for row in rows {
        let of = |pick: fn(&store::Programs) -> f64| {
            row.programs.as_ref().map_or("-".into(), |programs| format!("{:.1}", pick(programs)))
        };
        let store::Backup { mib, create_seconds, verify_seconds, restore_seconds } = &row.backup;
        text += &format!(
            "| {} | {} | {} | {} | {mib:.0} | {create_seconds:.1} | {verify_seconds:.1} | \
             {restore_seconds:.1} |\n",
            row.keys,
            of(|programs| programs.key_list),
            of(|programs| programs.storeutl),
            of(|programs| programs.keytool)
        );
    }
    text
}

fn java(jdk: &Jdk) -> String {
    let version = &jdk.version;
    let mut text = format!(
        "\nJava {version}, signatures per second\n\n\
         | key | threads | Keyward | the JDK's provider | ratio | SoftHSM by SunPKCS11 | ratio | \
         bytes of garbage |\n|---|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    for row in &jdk.signing {
        text += &format!(
            "| {} | {} | {:.0} | {:.0} | {:.1} | {:.0} | {:.1} | {:.0} |\n",
            row.key_type,
            row.threads,
            row.keyward,
            row.jdk,
            row.keyward / row.jdk,
            row.softhsm,
            row.keyward / row.softhsm,
            row.garbage
        );
    }
    let long = &jdk.endurance;
    text += &format!(
        "\nJava {version}, processor time of the thread that asks for a P-256 signature: {:.1} µs in \
         Java, {:.1} µs in Rust; after {} signatures the process was {} KiB larger\n",
        long.java_micros, long.rust_micros, long.signatures, long.grown_kib
    );
    let load = &jdk.key_store;
    text += &format!(
        "\nJava {version}, milliseconds to load a KeyStore with 1,000 keys and read them all: {:.0}; a \
         PKCS#12 file {:.0}; with 10,000 keys {:.0}\n\n\
         Java {version}, full TLS 1.3 handshakes per second\n\n\
         | key | in Keyward | in a PKCS#12 file | ratio |\n|---|--:|--:|--:|\n",
        load.keyward, load.jdk, load.keyward_10000
    );
    for java_tls::Row { key_type, pair } in &jdk.handshakes {
        let Pair { keyward, peer, ratio, range } = pair;
        text += &format!(
            "| {key_type} | {keyward:.0} | {peer:.0} | {ratio:.2} ({:.2} – {:.2}) |\n",
            range[0], range[1]
        );
    }
    text
}
