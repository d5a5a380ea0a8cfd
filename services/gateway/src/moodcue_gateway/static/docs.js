// The OpenAPI document for people: operations, their parameters, bodies and answers.

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

const article = (document, path, method, operation) => {
  const shapes = schemasOf(operation).map((name) => element("details", {},
    element("summary", {}, name),
    element("pre", {}, JSON.stringify(document.components.schemas[name], null, 2))));
  return element("article", {},
    element("h3", {}, `${method.toUpperCase()} ${path}`),
    element("p", {}, operation.description ?? operation.summary ?? ""),
    element("dl", {}, ...parametersOf(operation), ...answersOf(operation)),
    ...shapes);
};

const load = async () => {
  const document = await (await fetch("/openapi.json")).json();
  const articles = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) =>
      article(document, path, method, operation)));
  byId("operations").replaceChildren(...articles);
};

load().catch(() => {
  byId("operations").replaceChildren(
    element("p", { class: "notice" }, "The interface's description cannot be loaded."));
});
