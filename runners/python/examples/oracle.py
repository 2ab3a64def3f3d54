"""An oracle: what a thing costs, as leader and validators read it on the web, a percent more or less."""
from subvm import Error, Item, contract, init, nondet, public, view


@nondet.block
def price(url):
    text = nondet.get(url).decode()
    try:
        return int(text)
    except ValueError:
        raise Error(f"no price: {text[:40]!r}") from None


@contract
class Oracle:
    url = Item("")
    last = Item(0)

    @init
    def create(self, url: str):
        self.url = url

    @public
    def update(self):
        self.last = nondet.run(price, self.url, near=10_000)
        return self.last

    @view
    def read(self):
        return self.last
