//! The contributors' desk: publish, edit, withdraw.

use axum::{
    Extension, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::{Markup, PreEscaped, html};

use super::{
    account::error_box,
    layout::{day, page, token},
};
use crate::{
    internal::{Art, ArtError, ArtFilter, ArtHead, ArtText, DRAFT, PUBLISHED, WITHDRAWN, rules::BODY_MAX},
    markdown,
    slug::slug,
    users::{Role, User},
    web::{
        App,
        failure::Failure,
        fields::{Fields, Form},
        visit::Visit,
    },
};

const SHOWN: u16 = 30;
/// So many articles may have one headline.
const SAME_HEADLINE: u32 = 20;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/desk", get(desk))
        .route("/desk/join", post(join))
        .route("/desk/new", get(blank).post(create))
        .route("/desk/edit/{id}", get(edit).post(change))
        .route("/desk/withdraw/{id}", post(withdraw))
}

async fn desk(State(app): State<App>, Extension(visit): Extension<Visit>) -> Result<Response, Failure> {
    let Some(user) = &visit.user else { return Ok(visit.go_to("sign-in?then=desk")) };
    if user.role < Role::Contributor {
        return Ok(page(&visit, "Write for us", &[], &invitation(&visit, user)).into_response());
    }
    let mut in_work = Vec::new();
    for art_key in app.desk_work.of(&user.user_code).await? {
        match app.articles.art_get(&art_key).await {
            Ok(art) if art.head.state == DRAFT => in_work.push(art.head),
            Ok(_) | Err(ArtError::Unknown | ArtError::Withdrawn) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let of_all = user.role == Role::Editor;
    let filter = ArtFilter { author_code: (!of_all).then(|| user.user_code.clone()), topic: None };
    let published = app.articles.art_list(&filter, None, SHOWN).await?.arts;
    let content = html! {
        div.wide.desk {
            div.desk-head {
                div { p.kicker { "Desk" } h1 { (user.full_name) } }
                a.button href={ (visit.up) "desk/new" } { "New article" }
            }
            h2 { "Drafts" }
            @if in_work.is_empty() { p.quiet { "No drafts on your desk." } } @else { (table(&visit, &in_work, "Drafts")) }
            h2 { @if of_all { "Published lately, by everybody" } @else { "Published" } }
            @if published.is_empty() { p.quiet { "Nothing yet." } } @else { (table(&visit, &published, "Published articles")) }
        }
    };
    Ok(page(&visit, "Desk", &[], &content).into_response())
}

fn table(visit: &Visit, arts: &[ArtHead], caption: &str) -> Markup {
    html! {
        div.table-box {
            table {
                caption.visually-hidden { (caption) }
                thead { tr { th scope="col" { "Headline" } th scope="col" { "Byline" } th scope="col" { "Changed" } } }
                tbody {
                    @for art in arts {
                        tr {
                            td { a href={ (visit.up) "desk/edit/" (art.art_key) } { (art.headline) }
                                @if art.pay_flag == 'Y' { span.premium-mark { "Premium" } } }
                            td { (art.author_name) }
                            td.date { (day(&art.chg_date)) }
                        }
                    }
                }
            }
        }
    }
}

fn invitation(visit: &Visit, user: &User) -> Markup {
    html! {
        div.wide.narrow.form-page {
            h1 { "Write for New Science" }
            p.lead { "Tell readers what you found, in your own words. Your name stands above it." }
            form method="post" action={ (visit.up) "desk/join" } {
                (token(visit))
                div.field { label for="name" { "Byline" }
                    input #name name="name" type="text" required maxlength="100" value=(user.full_name); }
                button.button type="submit" { "Open my desk" }
            }
        }
    }
}

async fn join(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Failure> {
    let user = visit.user()?;
    visit.check_form(&form)?;
    app.users.make_contributor(&user.user_code, form.text("name")).await?;
    Ok(visit.go_to("desk"))
}

async fn blank(Extension(visit): Extension<Visit>) -> Result<Markup, Failure> {
    let user = visit.writer()?;
    let text = ArtText {
        headline: String::new(),
        teaser: String::new(),
        body_text: String::new(),
        author_code: user.user_code.clone(),
        author_name: user.full_name.clone(),
        topics: Vec::new(),
        pay_flag: 'N',
        state: DRAFT,
        pub_date: None,
    };
    Ok(editor(&visit, &text, None, None))
}

async fn create(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Form(form): Form,
) -> Result<Response, Failure> {
    let user = visit.writer()?;
    visit.check_form(&form)?;
    let text = text_of(&form, &user.user_code, &user.full_name, None)?;
    let permalink = slug(&text.headline, 80);
    let mut made = Err(ArtError::KeyTaken);
    for number in 1..=SAME_HEADLINE {
        let art_key = if number == 1 { permalink.clone() } else { format!("{permalink}-{number}") };
        made = app.articles.art_create(&art_key, &text, &user.user_code).await;
        if !matches!(made, Err(ArtError::KeyTaken)) {
            break;
        }
    }
    match made {
        Ok(art) => done(&app, &visit, user, &art).await,
        Err(error) => Ok(again(&visit, &text, None, error)),
    }
}

async fn edit(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Markup, Failure> {
    let art = editable(&app, visit.writer()?, &id).await?;
    Ok(editor(&visit, &handed_out(&art), Some((&art.head.art_key, &art.edit_mark)), None))
}

async fn change(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Form(form): Form,
) -> Result<Response, Failure> {
    let user = visit.writer()?;
    visit.check_form(&form)?;
    let there = editable(&app, user, &id).await?.head;
    let text = text_of(&form, &there.author_code, &there.author_name, there.pub_date)?;
    let edit_mark = form.text("edit_mark");
    match app.articles.art_change(&id, edit_mark, &text, &user.user_code).await {
        Ok(art) => done(&app, &visit, user, &art).await,
        Err(error) => Ok(again(&visit, &text, Some((&id, edit_mark)), error)),
    }
}

async fn withdraw(
    State(app): State<App>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Form(form): Form,
) -> Result<Response, Failure> {
    let user = visit.writer()?;
    visit.check_form(&form)?;
    let art = editable(&app, user, &id).await?;
    app.articles.art_withdraw(&id, form.text("edit_mark"), &user.user_code).await?;
    app.desk_work.keep(&art.head.author_code, &id, false).await?;
    Ok(visit.go_to("desk"))
}

/// Drafts stay on their author's desk; what is published goes to where readers see it.
async fn done(app: &App, visit: &Visit, user: &User, art: &Art) -> Result<Response, Failure> {
    let head = &art.head;
    let is_draft = head.state == DRAFT;
    let owner = if is_draft { &user.user_code } else { &head.author_code };
    app.desk_work.keep(owner, &head.art_key, is_draft).await?;
    let to = if is_draft { format!("desk/edit/{}", head.art_key) } else { format!("read/{}", head.art_key) };
    Ok(visit.go_to(&to))
}

/// The article, if it can still be changed, and by this user.
async fn editable(app: &App, user: &User, id: &str) -> Result<Art, Failure> {
    let art = app.articles.art_get(id).await?;
    if user.role != Role::Editor && art.head.author_code != user.user_code {
        return Err(Failure::new(StatusCode::FORBIDDEN, "This article is another contributor's."));
    }
    if art.head.state == WITHDRAWN { Err(ArtError::Withdrawn.into()) } else { Ok(art) }
}

fn handed_out(art: &Art) -> ArtText {
    let head = art.head.clone();
    ArtText {
        headline: head.headline,
        teaser: head.teaser,
        body_text: art.body_text.clone(),
        author_code: head.author_code,
        author_name: head.author_name,
        topics: head.topics,
        pay_flag: head.pay_flag,
        state: head.state,
        pub_date: head.pub_date,
    }
}

fn text_of(form: &Fields, author_code: &str, author_name: &str, pub_date: Option<String>) -> Result<ArtText, Failure> {
    let state = match form.text("action") {
        "draft" => DRAFT,
        "publish" => PUBLISHED,
        _ => return Err(Failure::new(StatusCode::BAD_REQUEST, "action: must be draft or publish")),
    };
    let topics = form.text("topics").split(',').map(str::trim).filter(|topic| !topic.is_empty());
    Ok(ArtText {
        headline: form.text("headline").trim().to_owned(),
        teaser: form.text("teaser").trim().to_owned(),
        body_text: form.text("body_text").to_owned(),
        author_code: author_code.to_owned(),
        author_name: form.one("author_name").unwrap_or(author_name).trim().to_owned(),
        topics: topics.map(|topic| slug(topic, 40)).collect(),
        pay_flag: if form.one("premium").is_some() { 'Y' } else { 'N' },
        state,
        pub_date,
    })
}

/// The form again with what was typed, and with what is wrong: nothing that somebody wrote is lost.
fn again(visit: &Visit, text: &ArtText, there: Option<(&str, &str)>, error: ArtError) -> Response {
    let failure = Failure::from(error);
    super::account::again(failure.status(), editor(visit, text, there, Some(failure.detail())))
}

/// The form for an article: of one that is there, by its key and mark, or of a new one.
fn editor(visit: &Visit, text: &ArtText, there: Option<(&str, &str)>, wrong: Option<&str>) -> Markup {
    let up = &visit.up;
    let is_published = there.is_some() && text.state == PUBLISHED;
    let title = if there.is_some() { "Edit article" } else { "New article" };
    let action = there.map_or_else(|| format!("{up}desk/new"), |(key, _)| format!("{up}desk/edit/{key}"));
    let content = html! {
        div.wide.desk {
            div.desk-head {
                div {
                    p.kicker { a href={ (up) "desk" } { "Desk" } }
                    h1 { (title) }
                }
                @if let Some((key, _)) = there.filter(|_| is_published) { a href={ (up) "read/" (key) } { "As readers see it" } }
            }
            (error_box(wrong))
            form.editor method="post" action=(action) {
                (token(visit))
                @if let Some((_, mark)) = there { input type="hidden" name="edit_mark" value=(mark); }
                div.field { label for="headline" { "Headline" }
                    input #headline.headline-field name="headline" type="text" required maxlength="200" value=(text.headline); }
                div.field { label for="teaser" { "Teaser" }
                    textarea #teaser name="teaser" rows="3" maxlength="1000" aria-describedby="teaser-hint" { (text.teaser) }
                    p #teaser-hint.hint { "One to three sentences. Lists and search show them, and everybody sees them above a premium article." } }
                div.field { label for="body_text" { "Article" }
                    textarea #body_text name="body_text" rows="18" required maxlength=(BODY_MAX) aria-describedby="body-hint" { "\n" (text.body_text) }
                    p #body-hint.hint { "Markdown: ## for a heading, *emphasis*, [words](https://…), > for a quotation." } }
                div.field-row {
                    div.field { label for="author_name" { "Byline" }
                        input #author_name name="author_name" type="text" required maxlength="100" value=(text.author_name); }
                    div.field { label for="topics" { "Topics" }
                        input #topics name="topics" type="text" aria-describedby="topics-hint" value=(text.topics.join(", "));
                        p #topics-hint.hint { "Up to 10, with commas between them, like: astronomy, black-holes" } }
                }
                div.check { input #premium name="premium" type="checkbox" value="yes" checked[text.pay_flag == 'Y'];
                    label for="premium" { "Only premium readers read the whole article" } }
                div.buttons {
                    button.button type="submit" name="action" value="publish" { @if is_published { "Save" } @else { "Publish" } }
                    @if !is_published { button.button.quiet-button type="submit" name="action" value="draft" { "Keep as a draft" } }
                }
            }
            @if let Some((key, mark)) = there {
                details.preview { summary { "As it was last saved" } div.article-body { (PreEscaped(markdown::html(&text.body_text))) } }
                details.withdraw {
                    summary { "Withdraw this article" }
                    p { "Readers will no longer find or read it. That is for good." }
                    form method="post" action={ (up) "desk/withdraw/" (key) } {
                        (token(visit))
                        input type="hidden" name="edit_mark" value=(mark);
                        button.button.danger type="submit" { "Withdraw" }
                    }
                }
            }
        }
    };
    page(visit, title, &[], &content)
}
