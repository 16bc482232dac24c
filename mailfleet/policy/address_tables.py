"""Names that mean something in an address: offices, and the domains most people have theirs at."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


DOTS_MEAN_NOTHING = frozenset({"gmail.com", "googlemail.com"})

# RFC 2142, then what companies call the mailboxes nobody owns: English, Russian, German, French, Spanish,
# Italian, Dutch, Polish, in Latin letters.
ROLES = words("""
    info marketing sales support abuse noc security postmaster hostmaster usenet news webmaster www uucp ftp
    admin administrator billing bookings careers compliance contact contacts customerservice editor enquiries
    enquiry feedback finance hello help helpdesk hr inquiries invoice invoices it jobs legal mail mailer-daemon
    media newsletter nobody no-reply noreply office order orders payments press privacy procurement reception
    recruitment root service shop staff subscribe sysadmin team tech unsubscribe welcome accounts accounting
    buh buhgalteriya bukhgalter director direktor kadry kontakt mail kanc kancelyaria ofis otdel-kadrov pochta
    pressa priemnaya priem prodaji prodazhi reklama sekretar servis snab snabzhenie uk zakaz zakazy zakupki
    anfrage bewerbung buchhaltung buero datenschutz einkauf empfang impressum kundenservice personal presse
    rechnung redaktion sekretariat vertrieb verwaltung zentrale poststelle
    accueil achats administration bonjour commande commandes commercial compta comptabilite direction
    facturation rh recrutement secretariat service-client vente ventes
    administracion atencion clientes compras contabilidad contacto correo direccion informacion pedidos
    recepcion ventas acquisti amministrazione commerciale direzione ordini segreteria ufficio vendite
    administratie algemeen boekhouding inkoop klantenservice receptie verkoop
    biuro biuro-obslugi kadry ksiegowosc sekretariat sprzedaz zamowienia zarzad
""")

# Where a slip of the keys is likelier than a company of that name. Installations may name more.
WELL_KNOWN = words("""
    gmail.com googlemail.com outlook.com outlook.de outlook.fr hotmail.com hotmail.de hotmail.fr hotmail.co.uk
    hotmail.it hotmail.es live.com live.de live.fr live.co.uk msn.com yahoo.com yahoo.de yahoo.fr yahoo.co.uk
    yahoo.it yahoo.es ymail.com aol.com icloud.com me.com mac.com mail.com email.com proton.me protonmail.com
    zoho.com fastmail.com mail.ru bk.ru inbox.ru list.ru internet.ru yandex.ru yandex.com yandex.kz yandex.by
    ya.ru rambler.ru lenta.ru autorambler.ru gmx.de gmx.net gmx.com gmx.at gmx.ch web.de t-online.de freenet.de
    posteo.de mailbox.org orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it
    ziggo.nl kpnmail.nl planet.nl wp.pl o2.pl interia.pl onet.pl btinternet.com sky.com virginmedia.com
    comcast.net verizon.net att.net
""")
