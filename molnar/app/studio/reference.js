/**
 * The API, read from /openapi.json: no library, nothing from elsewhere, works with the network
 * unplugged.
 */

/** Make an element with a text and children. */
function element(name, text = "", ...children) {
  const one = document.createElement(name);
  one.textContent = text;
  one.append(...children);
  return one;
}

/** Follow a reference inside the document. */
function resolved(schema, whole) {
  const name = schema?.$ref?.split("/").pop();
  return name ? whole.components.schemas[name] : schema ?? {};
}

/** Say the type and the limits of a field in a few words. */
function kind(field, whole) {
  const one = resolved(field, whole);
  if (one.anyOf) return one.anyOf.map((each) => kind(each, whole)).join(" or ");
  if (one.enum) return one.enum.join(" | ");
  if (one.const !== undefined) return String(one.const);
  const limits = [];
  if (one.minimum !== undefined) limits.push(`${one.minimum} to ${one.maximum}`);
  if (one.multipleOf) limits.push(`a multiple of ${one.multipleOf}`);
  if (one.maxLength) limits.push(`up to ${one.maxLength} characters`);
  const type = one.type === "array" ? `list of ${kind(one.items, whole)}` : one.type ?? "object";
  return limits.length ? `${type}, ${limits.join(", ")}` : type;
}

/** Lay fields out: name, type, default, help. */
function table(rows, whole) {
  const body = element("tbody");
  for (const [name, field, needed] of rows) {
    const about = [resolved(field, whole).description ?? field.description ?? ""];
    if (field.default !== undefined && field.default !== null && field.default !== "") {
      about.push(`Default: ${JSON.stringify(field.default)}.`);
    }
    body.append(element("tr", "",
      element("td", "", element("code", needed ? `${name} *` : name)),
      element("td", kind(field, whole)),
      element("td", about.join(" "))));
  }
  return element("table", "", body);
}

/** Describe one operation. */
function operation(method, path, one, whole) {
  const method_ = element("span", method.toUpperCase());
  method_.className = "method";
  const path_ = element("span", path);
  path_.className = "path";
  const all = element("details", "", element("summary", "", method_, path_,
    element("span", one.summary ?? "")));
  all.append(element("p", one.description ?? ""));
  const rows = (one.parameters ?? []).map((each) =>
    [each.name, { ...each.schema, description: each.description }, each.required]);
  const content = one.requestBody?.content ?? {};
  const schema = resolved(content["application/json"]?.schema, whole);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    rows.push([name, field, (schema.required ?? []).includes(name)]);
  }
  if (rows.length) all.append(table(rows, whole));
  const kinds = Object.keys(content);
  if (kinds.length && !schema.properties) all.append(element("p", `Body: ${kinds.join(", ")}`));
  return all;
}

const whole = await (await fetch("/openapi.json")).json();
document.querySelector("#about").textContent = whole.info.description;
const places = new Map();
for (const [path, methods] of Object.entries(whole.paths)) {
  for (const [method, one] of Object.entries(methods)) {
    const tag = one.tags?.[0] ?? "other";
    if (!places.has(tag)) places.set(tag, element("section", "", element("h2", tag)));
    places.get(tag).append(operation(method, path, one, whole));
  }
}
document.querySelector("#operations").append(...places.values());
