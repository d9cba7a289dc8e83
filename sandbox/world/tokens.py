"""Access tokens, of components and of authorisations: made, found, outlived."""

from sandbox.world.codes import new_code
from sandbox.world.errors import Refusal
from sandbox.world.parties import Authorization, Component, Token
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms

TOKENS_KEPT = 8  # of one owner; older ones are long dead


class Tokens:
    """All access tokens of a world, by value. Its world's lock guards it."""

    def __init__(self, world: Surroundings, terms: Terms) -> None:
        self.world = world
        self.terms = terms
        self._tokens: dict[str, Token] = {}

    def new(self, owner: Component | Authorization) -> tuple[str, int]:
        """A fresh access token and its life; the one before goes on for the overlap."""
        now = self.world.clock()
        life = self._life(owner)
        for older in owner.tokens:
            older.dies_at = min(older.dies_at, now + self.terms.overlap)
        value = f"{self.world.random.randint(40, 99)}_{new_code(self.world.random, 134)}"
        token = Token(value, owner, now + life)
        owner.tokens.append(token)
        self._tokens[value] = token
        if len(owner.tokens) > TOKENS_KEPT:
            del self._tokens[owner.tokens.pop(0).value]
        return value, life

    def find(self, value: str) -> Token | None:
        return self._tokens.get(value)

    def check(self, token: Token) -> None:
        """Raise what WeChat answers to a token that is no good any more."""
        now = self.world.clock()
        owner = token.owner
        if isinstance(owner, Authorization) and owner.cancelled:
            # Whoever has authorised anew since then has only an old token, not none.
            is_bound = owner.account.appid in owner.component.authorizations
            raise Refusal(40001 if is_bound else 61003)
        if now >= token.expires_at:
            raise Refusal(42001)
        if now >= token.dies_at:
            raise Refusal(40001)

    def _life(self, owner: Component | Authorization) -> int:
        if isinstance(owner, Component):
            special = self.terms.component_token_life
        else:
            special, self.terms.next_token_life = self.terms.next_token_life, None
        return self.terms.token_life if special is None else special
