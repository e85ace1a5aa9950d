import { authors, count, list } from "../lib/goals";
import { enterTenant } from "../lib/tenancy";
import { addGoal } from "./actions";

export default async function Page() {
  await enterTenant();
  const goals = await list();
  return (
    <main>
      <p>
        {await count()} goals by {(await authors()).join(" and ")}
      </p>
      <ul>
        {goals.map(({ id, title }) => (
          <li key={id}>{title}</li>
        ))}
      </ul>
      <form action={addGoal}>
        <input name="title" required />
        <button type="submit">Add</button>
      </form>
    </main>
  );
}
