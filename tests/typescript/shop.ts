// What a back end in TypeScript does with the types that are made of our schema.
import createClient from "openapi-fetch";

import type { components, paths } from "./schema";

const client = createClient<paths>({ baseUrl: "https://platform.example.com" });

export async function greet(appid: string, touser: string): Promise<string> {
  const { data, error } = await client.POST("/api/v1/authorizers/{appid}/messages/", {
    params: { path: { appid }, header: { "Idempotency-Key": "order 7" } },
    body: { touser, msgtype: "text", text: { content: "hello" } },
  });
  if (error) return error.code;
  const state: components["schemas"]["SentStateEnum"] = data.state;
  return state;
}

export async function names(): Promise<string[]> {
  const { data } = await client.GET("/api/v1/authorizers/", {
    params: { query: { kind: "mini_program", page_size: 200 } },
  });
  return (data?.results ?? []).map((account) => account.nick_name);
}

export async function wrong(appid: string): Promise<void> {
  await client.POST("/api/v1/authorizers/{appid}/messages/", {
    params: { path: { appid } },
    // @ts-expect-error: a message that does not say to whom
    body: { msgtype: "text" },
  });
}
