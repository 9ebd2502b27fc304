//! `docker-compose.yml` and `Dockerfile` against what they describe: the programs that are built, the
//! settings that they read, the files that they want. No container engine is needed; what remains
//! unseen is the engine's own part: building the image, networks, volumes.

mod cluster;
mod file;
mod image;

use std::{collections::BTreeSet, net::Ipv4Addr, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{process::beside_us, scratch::Scratch};

use file::{Condition, File, SECRETS, root};
use image::Image;

#[test]
fn the_file_has_the_whole_cluster_in_an_order_that_works() -> Result<()> {
    let file = File::read()?;
    let always = file
        .services
        .iter()
        .filter(|(_, service)| service.profiles.is_empty());
    let names: Vec<_> = always.map(|(name, _)| name.as_str()).collect();
    let wanted = [
        "controller",
        "demo",
        "gateway-1",
        "gateway-2",
        "postgres",
        "redis",
        "secrets",
    ];
    assert_eq!(names, wanted);
    assert_eq!(file.name, "aldgate");
    for (name, service) in &file.services {
        ensure!(
            service.image.is_some() != service.build.is_some(),
            "{name}: an image, or a build"
        );
        for network in service.networks() {
            ensure!(
                file.networks.contains_key(network),
                "{name}: network {network}"
            );
        }
        for (other, dependency) in &service.depends_on {
            let other = file
                .services
                .get(other)
                .with_context(|| format!("{name}: {other}"))?;
            let has_check = other.healthcheck.is_some();
            assert_eq!(
                dependency.condition == Condition::ServiceHealthy,
                has_check,
                "{name}"
            );
        }
        for volume in &service.volumes {
            let source = volume.split(':').next().unwrap_or_default();
            let there = file.volumes.contains_key(source) || root().join(source).is_file();
            ensure!(there, "{name}: {volume}");
        }
    }
    for gateway in ["gateway-1", "gateway-2"] {
        ensure!(file.waits_for(gateway, "controller") && file.waits_for(gateway, "postgres"));
        let grace = file.services[gateway].stop_grace_period.as_deref();
        ensure!(
            grace == Some("40s"),
            "longer than ALDGATE_DRAIN_DEADLINE, which is 30s: {grace:?}"
        );
    }
    Ok(())
}

#[test]
fn nothing_is_published_beyond_loopback() -> Result<()> {
    let file = File::read()?;
    let mut published = BTreeSet::new();
    for (name, service) in &file.services {
        for port in &service.ports {
            let [address, outer, inner] = port.split(':').collect::<Vec<_>>()[..] else {
                anyhow::bail!("{name}: {port} has no address");
            };
            assert_eq!(address, "127.0.0.1", "{name}");
            ensure!(
                published.insert(outer.to_owned()),
                "{outer} is published twice"
            );
            let listens = format!("0.0.0.0:{inner}");
            ensure!(
                service.environment.values().any(|it| *it == listens),
                "{name} on {inner}"
            );
        }
    }
    assert_eq!(
        published,
        ["7443", "8080", "8081"].map(str::to_owned).into()
    );
    Ok(())
}

/// Must hold 5: what the cluster consists of is never called; the one private address that may be is
/// the demo server's.
#[test]
fn only_the_demo_server_may_be_called_and_the_clusters_own_addresses_never() -> Result<()> {
    let file = File::read()?;
    let pool = &file.networks["aldgate"].ipam.config[0];
    let mut addresses = BTreeSet::new();
    for (name, service) in &file.services {
        let Some(address) = service.address() else {
            ensure!(
                name == "secrets" || name == "aldgate",
                "{name} has no address of its own"
            );
            continue;
        };
        ensure!(
            contains(&pool.subnet, address)?,
            "{name} outside {}",
            pool.subnet
        );
        ensure!(
            !contains(&pool.ip_range, address)?,
            "{name} in the range that is given out"
        );
        ensure!(addresses.insert(address), "{address} is taken twice");
    }
    let demo = file.services["demo"].address().context("it has one")?;
    addresses.remove(&demo);
    for name in ["controller", "gateway-1", "gateway-2"] {
        let environment = &file.services[name].environment;
        assert_eq!(
            environment["ALDGATE_ALLOWED_NETWORKS"],
            format!("{demo}/32"),
            "{name}"
        );
        let denied = environment["ALDGATE_DENIED_ADDRESSES"].split(',');
        let denied: BTreeSet<Ipv4Addr> = denied.map(str::parse).collect::<Result<_, _>>()?;
        assert_eq!(denied, addresses, "{name}");
    }
    Ok(())
}

#[test]
fn the_secrets_service_makes_every_file_that_a_service_names() -> Result<()> {
    let file = File::read()?;
    let scratch = Scratch::create()?;
    let dir = scratch.path().join("secrets");
    make_secrets(&file, &dir)?;
    for (name, service) in &file.services {
        for secret in service.secrets() {
            ensure!(dir.join(secret).is_file(), "{name}: {secret} is not made");
            let mount = format!("secrets:{SECRETS}:ro");
            ensure!(
                service.volumes.contains(&mount),
                "{name} does not mount {mount}"
            );
            ensure!(
                file.waits_for(name, "secrets"),
                "{name} may start before its files are there"
            );
        }
    }
    ensure!(
        !file.services["controller"].secrets().is_empty(),
        "the check saw something"
    );
    Ok(())
}

#[test]
fn the_image_has_every_program_that_a_service_runs() -> Result<()> {
    let (file, image) = (File::read()?, Image::read()?);
    let copied = image.programs();
    let built = programs()?;
    for program in &copied {
        ensure!(
            built.contains(*program),
            "{program} is no program of the workspace: {built:?}"
        );
    }
    for (name, service) in file.ours() {
        let program = service
            .program()
            .with_context(|| format!("{name} runs nothing"))?;
        ensure!(
            copied.contains(program),
            "{name}: {program} is not in the image"
        );
        let check = service.healthcheck.as_ref();
        let Some([kind, tool, arguments @ ..]) = check.map(|it| it.test.as_slice()) else {
            continue;
        };
        assert_eq!((kind.as_str(), tool.as_str()), ("CMD", "curl"), "{name}");
        ensure!(
            image.all("RUN").concat().contains(tool),
            "{tool} is not in the image"
        );
        let port = service.environment["ALDGATE_OPS_ADDR"]
            .rsplit(':')
            .next()
            .unwrap_or_default();
        ensure!(
            arguments.contains(&format!("http://127.0.0.1:{port}/readyz")),
            "{arguments:?}"
        );
    }
    for (name, service) in &file.services {
        let Some(check) = &service.healthcheck else {
            continue;
        };
        ensure!(
            check.interval == "1s" && check.retries >= 30,
            "{name}: waits for {check:?}"
        );
    }
    Ok(())
}

#[test]
fn the_image_is_built_as_the_repository_is_and_does_not_run_as_root() -> Result<()> {
    let (file, image) = (File::read()?, Image::read()?);
    let known = [
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "FROM",
        "RUN",
        "USER",
        "WORKDIR",
    ];
    assert_eq!(
        image.keywords(),
        known.into(),
        "this test knows what each of them may do"
    );

    let stages = image.all("FROM");
    let [builder, runner] = stages[..] else {
        anyhow::bail!("two stages")
    };
    let toolchain = std::fs::read_to_string(root().join("rust-toolchain.toml"))?;
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "));
    let channel = channel
        .context("rust-toolchain.toml has a channel")?
        .trim_matches('"');
    assert_eq!(
        builder,
        [
            format!("rust:{channel}-bookworm"),
            "AS".into(),
            "build".into()
        ]
    );
    assert_eq!(
        runner,
        ["debian:bookworm-slim"],
        "the same libraries as where it was built"
    );
    assert_eq!(
        image.all("COPY"),
        [
            &[".", "."][..],
            &["--from=build", "/out/", "/usr/local/bin/"]
        ]
    );
    let build = image.all("RUN")[0].join(" ");
    ensure!(
        build.contains("--locked") && build.contains("mkdir /out ") && build.ends_with(" /out/")
    );

    let [[user]] = image.all("USER")[..] else {
        anyhow::bail!("one USER")
    };
    let uid = user.split(':').next().unwrap_or_default();
    ensure!(uid.parse::<u32>()? != 0, "not root");
    let command = &file.services["secrets"].command;
    let owner = command.iter().skip_while(|word| *word != "--owner").nth(1);
    assert_eq!(
        owner.map(String::as_str),
        Some(uid),
        "who runs may read what is made"
    );
    for (name, service) in file.ours() {
        let wanted = (name == "secrets").then_some("0:0");
        assert_eq!(
            service.user.as_deref(),
            wanted,
            "{name}: only who gives files away is root"
        );
    }
    Ok(())
}

/// Runs the command of the service `secrets` into a folder, for the user that we are.
fn make_secrets(file: &File, dir: &Path) -> Result<()> {
    let words = &file.services["secrets"].command;
    let uid = rustix::process::geteuid().as_raw().to_string();
    let mut after_owner = false;
    let local = words[1..].iter().map(|word| {
        let is_owner = std::mem::replace(&mut after_owner, word == "--owner");
        match word.as_str() {
            SECRETS => dir.as_os_str().to_owned(),
            _ if is_owner => uid.clone().into(),
            other => other.into(),
        }
    });
    let output = Command::new(beside_us(&words[0])?).args(local).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The programs of the workspace.
fn programs() -> Result<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let targets = packages
        .iter()
        .filter_map(|it| it["targets"].as_array())
        .flatten();
    let bins = targets.filter(|it| it["kind"][0] == "bin");
    Ok(bins
        .filter_map(|it| Some(it["name"].as_str()?.to_owned()))
        .collect())
}

fn contains(network: &str, address: Ipv4Addr) -> Result<bool> {
    let (base, bits) = network.split_once('/').context("address/bits")?;
    let (base, bits) = (base.parse::<Ipv4Addr>()?, bits.parse::<u32>()?);
    let host_bits = 32 - bits;
    Ok(base.to_bits() >> host_bits == address.to_bits() >> host_bits)
}
