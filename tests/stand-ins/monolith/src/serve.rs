//! Puts the program together and runs it.

use std::{fs, io, path::Path, sync::Arc};

use tokio::{
    net::TcpListener,
    select,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::{
    anticorruption::{ServiceArticles, api::ArticlesApi},
    clock::{SharedClock, SystemClock},
    comments::Comments,
    config::{ArticlesAt, Config},
    desk_work::DeskWork,
    internal::{ArtInterface, local::LocalArticles},
    search::rebuild::Rebuild,
    store::Store,
    users::{Users, digest},
    web::{App, Site, failure::log, routes},
};

/// Serves on loopback until SIGINT or SIGTERM.
pub async fn until_told_to_stop(config: &Config) -> io::Result<()> {
    let app = site(config, Arc::new(SystemClock))?;
    let port = config.port;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on port {port}: {error}")))?;
    println!("listening on http://{}", listener.local_addr()?);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    select! {
        served = axum::serve(listener, routes(Arc::clone(&app))) => served,
        () = rebuild_now_and_then(&app, config) => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// The program's parts, as the configuration wants them.
pub fn site(config: &Config, clock: SharedClock) -> io::Result<App> {
    let at = |path: &Path, error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let store = Store::open(&config.db, Arc::clone(&clock)).map_err(|error| at(&config.db, &error))?;
    let token = config.internal_token_file.as_ref().map(|path| match fs::read_to_string(path) {
        Ok(token) if token.trim().is_empty() => Err(at(path, &"holds no token")),
        Ok(token) => Ok(digest(token.trim())),
        Err(error) => Err(at(path, &error)),
    });
    Ok(Arc::new(Site {
        articles: articles(config, &store, &clock)?,
        users: Users::new(store.clone(), Arc::clone(&clock), &config.editors),
        comments: Comments::new(store.clone(), Arc::clone(&clock)),
        desk_work: DeskWork::new(store.clone()),
        rebuild: Rebuild::new(store.clone(), clock),
        store,
        token_digest: token.transpose()?,
        subscribe_url: config.subscribe_url.clone(),
    }))
}

/// Where the articles are: nothing else in the program knows.
fn articles(config: &Config, store: &Store, clock: &SharedClock) -> io::Result<Arc<dyn ArtInterface>> {
    Ok(match &config.articles {
        ArticlesAt::Local => Arc::new(LocalArticles::new(store.clone(), Arc::clone(clock))),
        ArticlesAt::Service { url, token_file } => {
            let api = ArticlesApi::new(url, token_file.clone()).map_err(io::Error::other)?;
            Arc::new(ServiceArticles::new(api))
        }
    })
}

/// The batch job; never ends.
async fn rebuild_now_and_then(app: &App, config: &Config) {
    let Some(every) = config.rebuild_every else { return std::future::pending().await };
    loop {
        if let Err(error) = app.rebuild.run(&*app.articles).await {
            log(&error);
        }
        sleep(every).await;
    }
}
