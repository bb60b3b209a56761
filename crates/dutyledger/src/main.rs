//! The `dutyledger` program: the one place that knows every crate and puts them together.

mod audit;
mod checkpoints;
mod cli;
mod demo;
mod exit;
mod export;
mod import;
mod keys;
mod ledger;
mod migrate;
mod notifications;
mod output;
mod remote;
mod schemas;
mod serve;
mod subscribe;
mod tasks;
mod vault;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{
    AuditCommand, Cli, Command, ExplainCommand, KeyCommand, LedgerCommand, NotificationsCommand,
    ProjectionsCommand, VaultCommand,
};
use crate::exit::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::explain(&error),
    };
    output::start_logging(cli.log_json);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::other(error).report(cli.json),
    };
    match runtime.block_on(run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(cli.json),
    }
}

async fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Serve(settings) => serve::serve(settings).await,
        Command::Demo(settings) => demo::demo(settings, cli.json).await,
        Command::Import(settings) => import::import(settings, cli.json).await,
        Command::Migrate(settings) => migrate::migrate(settings, cli.json).await,
        Command::Ledger(LedgerCommand::Verify(settings)) => {
            ledger::verify(settings, cli.json).await
        }
        Command::Ledger(LedgerCommand::Copy(settings)) => ledger::copy(settings, cli.json).await,
        Command::Ledger(LedgerCommand::Backup(settings)) => {
            ledger::backup(settings, cli.json).await
        }
        Command::Ledger(LedgerCommand::Note(settings)) => ledger::note(settings, cli.json).await,
        Command::Audit(AuditCommand::Replay(settings)) => audit::replay(settings, cli.json).await,
        Command::Audit(AuditCommand::Diff(settings)) => audit::diff(settings, cli.json).await,
        Command::Audit(AuditCommand::Explain(ExplainCommand::Obligation(settings))) => {
            audit::explain_obligation(settings, cli.json).await
        }
        Command::Audit(AuditCommand::Explain(ExplainCommand::Trigger(settings))) => {
            audit::explain_trigger(settings, cli.json).await
        }
        Command::Audit(AuditCommand::Explain(ExplainCommand::Refusal(settings))) => {
            audit::explain_refusal(settings, cli.json).await
        }
        Command::Audit(AuditCommand::Search(settings)) => audit::search(settings, cli.json).await,
        Command::Audit(AuditCommand::NewKey(settings)) => {
            checkpoints::new_key(settings, cli.json).await
        }
        Command::Audit(AuditCommand::Checkpoint(settings)) => {
            checkpoints::checkpoint(settings).await
        }
        Command::Audit(AuditCommand::Prove(settings)) => checkpoints::prove(settings).await,
        Command::Audit(AuditCommand::Export(settings)) => export::export(settings, cli.json).await,
        Command::Audit(AuditCommand::Watch(settings)) => {
            tokio::task::block_in_place(|| checkpoints::watch(settings, cli.json))
        }
        Command::Key(KeyCommand::Issue(settings)) => keys::issue(settings, cli.json).await,
        Command::Key(KeyCommand::Revoke(settings)) => keys::revoke(settings, cli.json).await,
        Command::Key(KeyCommand::List(settings)) => keys::list(settings, cli.json).await,
        Command::Erase(settings) => vault::erase(settings, cli.json).await,
        Command::Vault(VaultCommand::Backup(settings)) => vault::backup(settings, cli.json).await,
        Command::Vault(VaultCommand::Restore(settings)) => vault::restore(settings, cli.json).await,
        Command::Vault(VaultCommand::RotateMaster(place)) => {
            vault::rotate_master(place, cli.json).await
        }
        Command::Projections(ProjectionsCommand::Rebuild(settings)) => {
            serve::rebuild(settings, cli.json).await
        }
        Command::Notifications(NotificationsCommand::Rebuild(settings)) => {
            notifications::rebuild(settings, cli.json).await
        }
        Command::Notifications(NotificationsCommand::Refill(settings)) => {
            notifications::refill(settings, cli.json).await
        }
        Command::Subscribe(settings) => subscribe::subscribe(settings).await,
        Command::Schemas(settings) => schemas::run(settings, cli.json),
    }
}
