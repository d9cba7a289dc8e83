"""What stands where a list of the staff pages is empty: what it will hold, and what to do now."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "miniprograms.authorizer": _(
        "Accounts that have authorised the platform stand here. Make a bind link for a merchant, or"
        " let them bind in the portal."
    ),
    "miniprograms.binding": _(
        "Each attempt to bind an account stands here, also one that waits for a decision of yours. "
        "A merchant begins one in the portal, or with a bind link."
    ),
    "miniprograms.bindlink": _(
        "Links by which merchants bind without logging in stand here. Make one on the page of a "
        "merchant."
    ),
    "miniprograms.tag": _(
        "Tags put mini programs into groups, for campaigns, settings and values of ext.json. Add "
        "one, then choose accounts in their list."
    ),
    "miniprograms.settingprofile": _(
        "A profile holds settings for many mini programs, by tag. Add one, then apply it."
    ),
    "miniprograms.permissionrequest": _(
        "Merchants who were asked to authorise again, for permissions that were missing, stand "
        "here. Nobody was asked yet."
    ),
    "messaging.conversation": _(
        "A conversation begins when a user writes to an account. WeChat pushes messages "
        "where the account has granted customer service, to the message address in its console."
    ),
    "platform_auth.push": _(
        "All that WeChat pushes stands here, tickets first. If nothing comes, check the addresses "
        "in WeChat's console and ask for a ticket on the component's page."
    ),
    "messaging.rule": _(
        "Rules answer users by themselves. Add one: what the user writes, and what is said."
    ),
    "messaging.conversationlabel": _(
        "Labels for users stand here. Add some, then choose them in a conversation."
    ),
    "messaging.cannedreply": _(
        "Texts that staff choose from in a conversation stand here. Add one."
    ),
    "messaging.target": _(
        "A forward target is a system of yours that is told of messages and events. Add one with "
        "its address."
    ),
    "messaging.delivery": _(
        "Each message or event that was sent to a forward target stands here. There are none until "
        "a target is switched on and something comes that it has asked for."
    ),
    "messaging.releasetest": _(
        "What WeChat's release test has asked, and our rehearsals of it, stand here. Rehearse it "
        "before you publish the platform."
    ),
    "audits.campaign": _(
        "A campaign brings one version to many mini programs. Make one from a template."
    ),
    "audits.campaignitem": _(
        "Mini programs in campaigns stand here. Make a campaign, or take the filters away."
    ),
    "audits.codeaudit": _(
        "Versions that were submitted for WeChat's review stand here. Upload a version on the page "
        "of a mini program, then submit it."
    ),
    "audits.codeversion": _(
        "Versions that were uploaded into mini programs stand here. Upload one on the page of a "
        "mini program, or start a campaign."
    ),
    "audits.release": _(
        "What was released, released in steps or rolled back stands here. A version whose review "
        "has passed can be released."
    ),
    "audits.codetemplate": _(
        "Code that can be uploaded into mini programs stands here. Press “Sync now”, or make a "
        "draft a template."
    ),
    "audits.reviewoutcome": _(
        "What WeChat's reviews came to stands here. There is nothing to count until the first "
        "verdict."
    ),
    "audits.speeduprule": _(
        "Rules speed reviews up by themselves where one takes too long. Add one; each speed-up "
        "costs one of the month's."
    ),
    "audits.quotaentry": _(
        "What is left of submissions and speed-ups is written down here once an hour, and with each"
        " use. The first entry comes within the hour."
    ),
    "audits.codesummary": _(
        "Which mini program runs which version stands here. Nothing is known until a version was "
        "uploaded."
    ),
    "platform_auth.component": _(
        "The third-party platform stands here, once it is registered. Put its AppID and keys into "
        "the settings and run register_component, or add it here."
    ),
    "platform_auth.operation": _(
        "Who did what stands here: each act that changes something. Nobody has done anything yet."
    ),
    "platform_auth.wechatcall": _(
        "Each call to WeChat stands here for some days. The first comes with the first ticket."
    ),
    "notices.notice": _(
        "What people are told of stands here: verdicts, releases, accounts that need somebody. "
        "Nothing has happened yet."
    ),
    "notices.channel": _(
        "A channel is where notices go: an e-mail address, a group bot or a program. Add one, then "
        "press its test button."
    ),
    "notices.message": _(
        "Notices that were sent stand here, with what came of each. There are none until a channel "
        "is switched on and something happens."
    ),
    "auth.user": _("Merchants and staff stand here. Add a merchant, then make them a bind link."),
    "auth.group": _(
        "Groups say what people may do. The platform makes its own with each migrate: run it once."
    ),
    "platform_auth.apiclient": _(
        "Programs that use the API stand here. Add one for each back end; it gets a key of its own."
    ),
    "django_celery_beat.periodictask": _(
        "What runs by itself stands here. Beat writes the platform's own jobs when it starts: start"
        " it."
    ),
    "django_celery_beat.crontabschedule": _(
        "Times of the clock at which a job may run. The platform needs none; add one for a job of "
        "yours."
    ),
    "django_celery_beat.intervalschedule": _(
        "Pauses between two runs of a job. Beat writes the platform's own when it starts: start it."
    ),
    "django_celery_beat.clockedschedule": _(
        "Single times at which a job may run. The platform needs none; add one for a job of yours."
    ),
    "django_celery_beat.solarschedule": _(
        "Sunrise and sunset as times of jobs. The platform needs none; add one for a job of yours."
    ),
}
