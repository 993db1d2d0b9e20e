import type { Expression, Ordering, Query, SelectItem, Selection, Source } from "./ast.ts";
import { ExpressionParser } from "./expressions.ts";
import { syntaxError, tokenize } from "./tokens.ts";

/** Parses the text of a query. Throws 400 with the place and the word that doesn't fit. */
export function parseQuery(text: string): Query {
  const parser = new QueryParser(tokenize(text));
  const query = parser.query();
  parser.expectEnd();
  return query;
}

const endsSource = new Set(["WHERE", "JOIN", "GROUP", "ORDER", "OFFSET", "LIMIT", "IN", "AS"]);

class QueryParser extends ExpressionParser {
  override query(): Query {
    this.expectWord("SELECT");
    const distinct = this.acceptWord("DISTINCT");
    const top = this.acceptWord("TOP") ? this.primary() : undefined;
    const select = this.#selection();
    const from = this.acceptWord("FROM") ? this.#sources() : [];
    const where = this.acceptWord("WHERE") ? this.expression() : undefined;
    const groupBy = this.#acceptPair("GROUP", "BY") ? this.list(() => this.expression()) : [];
    const orderBy = this.#acceptPair("ORDER", "BY") ? this.list(() => this.#ordering()) : [];
    const offset = this.acceptWord("OFFSET") ? this.primary() : undefined;
    const limit = this.acceptWord("LIMIT") ? this.primary() : undefined;
    if ((offset === undefined) !== (limit === undefined)) throw syntaxError(this.token.text, this.token.at);
    return { distinct, top, select, from, where, groupBy, orderBy, offset, limit };
  }

  expectEnd(): void {
    if (this.token.kind !== "end") throw syntaxError(this.token.text, this.token.at);
  }

  #selection(): Selection {
    if (this.acceptSign("*")) return { kind: "star" };
    // VALUE is only a keyword when something follows that it can apply to.
    if (this.token.upper === "VALUE" && !/^(\.|,|AS|FROM)$/.test(this.ahead(1).upper) && this.ahead(1).kind !== "end") {
      this.next();
      return { kind: "value", expression: this.expression() };
    }
    const items = this.list(() => this.#item());
    let unnamed = 0;
    return { kind: "list", items: items.map((item) => (item.name === "" ? { ...item, name: `$${++unnamed}` } : item)) };
  }

  #item(): SelectItem {
    const expression = this.expression();
    if (this.acceptWord("AS")) return { name: this.#aliasName(), expression };
    if (this.token.kind === "word" && this.token.upper !== "FROM" && !endsSource.has(this.token.upper)) {
      return { name: this.next().text, expression };
    }
    return { name: nameOf(expression), expression };
  }

  #aliasName(): string {
    if (this.token.kind === "word" || this.token.kind === "string") return this.next().text;
    throw syntaxError(this.token.text, this.token.at);
  }

  #sources(): Source[] {
    const sources = [this.#source()];
    while (this.acceptWord("JOIN")) sources.push(this.#source());
    return sources;
  }

  #source(): Source {
    if (this.token.kind === "word" && this.ahead(1).upper === "IN") {
      const alias = this.next().text;
      this.next();
      return { alias, input: this.#sourceInput(), each: true };
    }
    const input = this.#sourceInput();
    const explicit = this.acceptWord("AS") || (this.token.kind === "word" && !endsSource.has(this.token.upper));
    return { alias: explicit ? this.#aliasName() : nameOf(input), input, each: false };
  }

  #sourceInput(): Expression {
    return this.postfix();
  }

  #ordering(): Ordering {
    const expression = this.expression();
    const descending = this.acceptWord("DESC");
    if (!descending) this.acceptWord("ASC");
    return { expression, descending };
  }

  #acceptPair(first: string, second: string): boolean {
    if (this.token.upper !== first || this.token.kind !== "word") return false;
    this.next();
    this.expectWord(second);
    return true;
  }
}

function nameOf(expression: Expression): string {
  if (expression.kind === "property" || expression.kind === "name") return expression.name;
  if (expression.kind === "index" && expression.index.kind === "literal") {
    return typeof expression.index.value === "string" ? expression.index.value : "";
  }
  return "";
}
