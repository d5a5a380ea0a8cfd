// The OpenAPI and AsyncAPI documents for people: operations and channels, with what they carry.

import { byId, element } from "./dom.js";

const nameOf = (schema) => schema?.$ref?.split("/").at(-1);

const typeOf = (schema = {}) => {
  const options = schema.anyOf?.filter(({ type }) => type !== "null").map(typeOf);
  return nameOf(schema) ?? options?.join(" or ") ?? schema.type ?? "any";
};

const definition = (term, ...details) =>
  [element("dt", {}, element("code", {}, term)), element("dd", {}, ...details)];

const parametersOf = (operation) => (operation.parameters ?? []).flatMap((parameter) =>
  definition(parameter.name,
    [typeOf(parameter.schema), `in ${parameter.in}`, parameter.description]
      .filter(Boolean).join(", ")));

const schemasOf = (operation) => {
  const bodies = [operation.requestBody, ...Object.values(operation.responses)];
  const schemas = bodies.flatMap((body) => Object.values(body?.content ?? {}));
  return [...new Set(schemas.map(({ schema }) => nameOf(schema)).filter(Boolean))];
};

const answersOf = (operation) => Object.entries(operation.responses).flatMap(([status, answer]) =>
  definition(status, answer.description ?? ""));

const shape = (document, name) => element("details", {},
  element("summary", {}, name),
  element("pre", {}, JSON.stringify(document.components.schemas[name], null, 2)));

const article = (document, path, method, operation) => {
  const shapes = schemasOf(operation).map((name) => shape(document, name));
  return element("article", {},
    element("h3", {}, `${method.toUpperCase()} ${path}`),
    element("p", {}, operation.description ?? operation.summary ?? ""),
    element("dl", {}, ...parametersOf(operation), ...answersOf(operation)),
    ...shapes);
};

const channelArticle = (document, name, channel) => {
  const server = nameOf(channel.servers?.[0]);
  const { host, protocol } = document.servers[server] ?? {};
  const { action } = document.operations[name];
  const messages = Object.keys(channel.messages)
    .map((message) => [message, document.components.messages[message]]);
  const schemas = messages.map(([, { payload }]) => nameOf(payload)).filter(Boolean);
  return element("article", {},
    element("h3", {}, channel.address ?? name),
    element("p", {}, [server ? `${protocol}, ${host}` : "",
      action === "send" ? "Moodcue sends" : "Moodcue listens",
      channel.description].filter(Boolean).join("; ")),
    element("dl", {}, ...messages.flatMap(([message, { summary }]) =>
      definition(message, summary))),
    ...schemas.map((schema) => shape(document, schema)));
};

const show = async (path, place, articles) => {
  try {
    const document = await (await fetch(path)).json();
    byId(place).replaceChildren(...articles(document));
  } catch {
    byId(place).replaceChildren(
      element("p", { class: "notice" }, "This description cannot be loaded."));
  }
};

show("/openapi.json", "operations", (document) =>
  Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) =>
      article(document, path, method, operation))));
show("/asyncapi.json", "channels", (document) =>
  Object.entries(document.channels).map(([name, channel]) =>
    channelArticle(document, name, channel)));
